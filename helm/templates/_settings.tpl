{{/*
Settings as variables. What comes from Secrets and ConfigMaps is one projected volume: GROUP/FIELD below /run/consumer.
Called with (dict "values" .Values "groups" (list ...)); no groups are all groups.
*/}}
{{- define "consumer.env" -}}
{{- $groups := .groups -}}
{{- $values := .values -}}
{{- range $group, $fields := $values.settings }}
{{- if or (not $groups) (has $group $groups) }}
{{- range $field, $value := $fields }}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
- name: {{ printf "CONSUMER_%s__%s" $group $field | upper }}
  value: {{ include "consumer.text" $value | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- range $group, $fields := $values.fromSecret }}
{{- if or (not $groups) (has $group $groups) }}
{{- range $field, $_ := $fields }}
- name: {{ printf "CONSUMER_%s__%s%s" $group $field (ternary "" "_FILE" (has $field (list "file" "ca_file" "ssl_cafile" "sasl_oauth_ca_file" "sasl_oauth_token_file"))) | upper }}
  value: {{ printf "/run/consumer/%s/%s" $group $field }}
{{- end }}
{{- end }}
{{- end }}
{{- range $group, $fields := $values.fromConfigMap }}
{{- if or (not $groups) (has $group $groups) }}
{{- range $field, $_ := $fields }}
- name: {{ printf "CONSUMER_%s__%s" $group $field | upper }}
  value: {{ printf "/run/consumer/%s/%s" $group $field }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Numbers as they were written: YAML's floats would become 1e+06. */}}
{{- define "consumer.text" -}}
{{- if or (kindIs "slice" .) (kindIs "map" .) -}}
{{ toJson . }}
{{- else if kindIs "float64" . -}}
{{- if eq (floor .) . }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end -}}
{{- else -}}
{{ toString . }}
{{- end -}}
{{- end }}

{{/* Called with (dict "root" $ "groups" (list ...)). */}}
{{- define "consumer.sources" -}}
{{- $groups := .groups -}}
{{- range $group, $fields := .root.Values.fromSecret }}
{{- if or (not $groups) (has $group $groups) }}
{{- range $field, $from := $fields }}
- secret:
    name: {{ $from.name }}
    items:
      - key: {{ $from.key }}
        path: {{ $group }}/{{ $field }}
{{- end }}
{{- end }}
{{- end }}
{{- range $group, $fields := .root.Values.fromConfigMap }}
{{- if or (not $groups) (has $group $groups) }}
{{- range $field, $from := $fields }}
- configMap:
    name: {{ $from.name }}
    items:
      - key: {{ $from.key }}
        path: {{ $group }}/{{ $field }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .root.Values.tenants (not $groups) }}
- configMap:
    name: {{ include "consumer.fullname" .root }}-tenants
    items:
      - key: tenants.yaml
        path: tenants/file
{{- end }}
{{- end }}

{{/* A length of time in seconds: 20s, 5m, 24h, 7d, 500ms or a number. */}}
{{- define "consumer.seconds" -}}
{{- $text := include "consumer.text" . | trim -}}
{{- $number := regexFind "^[0-9]+([.][0-9]+)?" $text | float64 -}}
{{- $unit := regexReplaceAll "^[0-9.]+ *" $text "" -}}
{{- mulf $number (get (dict "ms" 0.001 "s" 1.0 "" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0) $unit) | ceil | int -}}
{{- end }}

{{/* An amount of memory in octets, as Kubernetes (512Mi, 1Gi, 1G) and as settings say it (512MiB, 1 GB, a number); 0: not said. */}}
{{- define "consumer.octets" -}}
{{- $text := include "consumer.text" . | trim -}}
{{- $unit := regexReplaceAll "^[0-9.]+ *" $text "" | lower | trimSuffix "b" -}}
{{- mulf (regexFind "^[0-9]+([.][0-9]+)?" $text | float64) (get (dict "" 1.0 "k" 1e3 "m" 1e6 "g" 1e9 "t" 1e12 "ki" 1024.0 "mi" 1048576.0 "gi" 1073741824.0 "ti" 1099511627776.0) $unit | default 0.0) -}}
{{- end }}

{{/* How long leaving takes at most: the drain, and what the last transactions, connections and the group need behind it. */}}
{{- define "consumer.leaving" -}}
{{- add (include "consumer.seconds" (.Values.settings.work.drain_within | default "20s") | int) 10 -}}
{{- end }}

{{- define "consumer.grace" -}}
{{- if kindIs "invalid" .Values.terminationGracePeriodSeconds -}}
{{ add (include "consumer.leaving" . | int) 5 }}
{{- else -}}
{{ .Values.terminationGracePeriodSeconds | int }}
{{- end -}}
{{- end }}

{{/* Of the HTTP API: the moment for who balances, and what a call may take: its body, Kafka, and its outcome. */}}
{{- define "consumer.api.grace" -}}
{{- $wait := include "consumer.seconds" (.Values.settings.ingress.wait | default "10s") | int -}}
{{ add 5 15 $wait $wait 5 }}
{{- end }}

{{- define "consumer.partitions" -}}
{{ .Values.settings.topics.partitions | default 6 | int }}
{{- end }}
