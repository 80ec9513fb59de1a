{{- define "consumer.pod" -}}
metadata:
  labels:
    {{- include "consumer.selector" . | nindent 4 }}
    {{- with .Values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: consumer
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "consumer.serviceAccount" . }}
  automountServiceAccountToken: false
  # Kubernetes would put a variable for each Service of the namespace into the environment, some with our prefix.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "consumer.grace" . }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "consumer.spread" (dict "root" . "selector" (include "consumer.selector" . | fromYaml)) | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: consumer
      image: {{ include "consumer.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [run]
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      ports:
        - name: http
          containerPort: {{ include "consumer.port" . }}
          protocol: TCP
      env:
        {{- if not .Values.settings.http.host }}
        - name: CONSUMER_HTTP__HOST
          value: 0.0.0.0
        {{- end }}
        {{- if eq .Values.kind "StatefulSet" }}
        # A static member: a pod that is back before the session timeout keeps its partitions, and the others work on.
        - name: CONSUMER_KAFKA__GROUP_INSTANCE_ID
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        {{- end }}
        {{- if .Values.tenants }}
        - name: CONSUMER_TENANTS__FILE
          value: /run/consumer/tenants/file
        {{- end }}
        {{- with include "consumer.env" (dict "values" .Values "groups" list) | trim }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- range $name, $path := dict "startup" "/healthz" "liveness" "/healthz" "readiness" "/readyz" }}
      {{- $probe := get $.Values.probes $name }}
      {{- if $probe.enabled }}
      {{ $name }}Probe:
        httpGet:
          path: {{ $path }}
          port: http
        {{- toYaml (omit $probe "enabled") | nindent 8 }}
      {{- end }}
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
        {{- if include "consumer.sources" (dict "root" . "groups" list) }}
        - name: settings
          mountPath: /run/consumer
          readOnly: true
        {{- end }}
        {{- range .Values.secretVolumes }}
        - name: secret-{{ . }}
          mountPath: /run/secrets/{{ . }}
          readOnly: true
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: 64Mi
    {{- with include "consumer.sources" (dict "root" . "groups" list) }}
    - name: settings
      projected:
        defaultMode: 288
        sources:
          {{- . | trim | nindent 10 }}
    {{- end }}
    {{- range .Values.secretVolumes }}
    - name: secret-{{ . }}
      secret:
        secretName: {{ . }}
        defaultMode: 288
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* Called with (dict "root" $ "selector" (dict ...)). */}}
{{- define "consumer.spread" -}}
{{- $root := .root -}}
{{- $selector := .selector -}}
{{- $keys := dict "zone" "topology.kubernetes.io/zone" "host" "kubernetes.io/hostname" -}}
{{- $wanted := list -}}
{{- range $name, $key := $keys }}
{{- $how := get $root.Values.topologySpread $name }}
{{- if ne $how "none" }}
{{- $wanted = append $wanted (dict "maxSkew" 1 "topologyKey" $key "whenUnsatisfiable" $how "labelSelector" (dict "matchLabels" $selector)) }}
{{- end }}
{{- end }}
{{- with concat $wanted $root.Values.topologySpread.extra }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
