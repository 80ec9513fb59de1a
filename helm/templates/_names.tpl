{{- define "consumer.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 52 characters: a StatefulSet's pods get "-0" and a hash behind it, and that is a label. */}}
{{- define "consumer.fullname" -}}
{{- $name := include "consumer.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "consumer.selector" -}}
app.kubernetes.io/name: {{ include "consumer.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "consumer.labels" -}}
{{ include "consumer.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The head of each object; called with the chart's context, and what comes behind the name. */}}
{{- define "consumer.metadata" -}}
name: {{ include "consumer.fullname" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "consumer.labels" . | nindent 2 }}
{{- end }}

{{- define "consumer.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "consumer.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{- define "consumer.image" -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end -}}
{{- end }}

{{- define "consumer.port" -}}
{{ .Values.settings.http.port | default 8080 | int }}
{{- end }}

{{/* The HTTP API: a name of its own, or the consumer's Service, budget and policies would take its pods for theirs. */}}
{{- define "consumer.api.name" -}}
{{ include "consumer.fullname" . }}-ingress
{{- end }}

{{- define "consumer.api.selector" -}}
app.kubernetes.io/name: {{ include "consumer.name" . | trunc 55 | trimSuffix "-" }}-ingress
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "consumer.api.labels" -}}
{{ include "consumer.api.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "consumer.api.metadata" -}}
name: {{ include "consumer.api.name" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "consumer.api.labels" . | nindent 2 }}
{{- end }}

{{- define "consumer.topics.selector" -}}
app.kubernetes.io/name: {{ include "consumer.name" . | trunc 56 | trimSuffix "-" }}-topics
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "consumer.api.port" -}}
{{ .Values.settings.ingress.port | default 8081 | int }}
{{- end }}
