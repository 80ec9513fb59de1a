{{/* What no schema can say: everything that is wrong, at once, each with what to do. */}}
{{- define "consumer.checks" -}}
{{- $v := .Values -}}
{{- $wrong := list -}}
{{- $partitions := include "consumer.partitions" . | int -}}
{{- $workers := $v.settings.work.workers | default 1 | int -}}
{{- $each := "" -}}
{{- if gt $workers 1 }}{{ $each = printf " with %d workers each (settings.work.workers)" $workers }}{{ end -}}
{{- $own := dict -}}
{{- range $v.extraEnv }}{{ $_ := set $own .name true }}{{ end -}}

{{- if not (or $v.settings.kafka.bootstrap_servers (hasKey $own "CONSUMER_KAFKA__BOOTSTRAP_SERVERS")) -}}
{{- $wrong = append $wrong "settings.kafka.bootstrap_servers has to be set, to host:port of Kafka" -}}
{{- end -}}

{{- with $v.settings.kafka.bootstrap_servers -}}
{{- if not (regexMatch "^\\s*[^\\s,]+:[0-9]+\\s*(,\\s*[^\\s,]+:[0-9]+\\s*)*$" .) -}}
{{- $wrong = append $wrong "settings.kafka.bootstrap_servers has to be host:port, or several with commas between them" -}}
{{- end -}}
{{- end -}}

{{- range list "http.host" "http.port" "ingress.host" "ingress.port" "ingress.wait" "topics.partitions" "work.workers" "work.drain_within" -}}
{{- $variable := printf "CONSUMER_%s" (replace "." "__" .) | upper -}}
{{- if hasKey $own $variable -}}
{{- $wrong = append $wrong (printf "extraEnv says %s, which the chart has to know itself: say settings.%s" $variable .) -}}
{{- end -}}
{{- end -}}
{{- if hasKey $own "CONSUMER_KAFKA__GROUP_INSTANCE_ID" -}}
{{- $wrong = append $wrong "extraEnv says CONSUMER_KAFKA__GROUP_INSTANCE_ID: two pods would share it. With kind StatefulSet each pod's name is its id" -}}
{{- end -}}

{{- range $group, $fields := $v.settings -}}
{{- range $field, $value := $fields -}}
{{- if and (hasKey $own (printf "CONSUMER_%s__%s" $group $field | upper)) (not (kindIs "invalid" $value)) -}}
{{- $wrong = append $wrong (printf "extraEnv says CONSUMER_%s__%s, and so does settings.%s.%s: leave one of them" ($group | upper) ($field | upper) $group $field) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- $sources := list -}}
{{- if $v.tenants }}{{ $sources = append $sources "tenants" }}{{ end -}}
{{- if $v.settings.tenants.file }}{{ $sources = append $sources "settings.tenants.file" }}{{ end -}}
{{- if $v.settings.tenants.url }}{{ $sources = append $sources "settings.tenants.url" }}{{ end -}}
{{- if dig "tenants" "file" "" $v.fromSecret }}{{ $sources = append $sources "fromSecret.tenants.file" }}{{ end -}}
{{- if dig "tenants" "file" "" $v.fromConfigMap }}{{ $sources = append $sources "fromConfigMap.tenants.file" }}{{ end -}}
{{- if hasKey $own "CONSUMER_TENANTS__FILE" }}{{ $sources = append $sources "extraEnv" }}{{ end -}}
{{- if hasKey $own "CONSUMER_TENANTS__URL" }}{{ $sources = append $sources "extraEnv" }}{{ end -}}
{{- if not $sources -}}
{{- $wrong = append $wrong "no tenants: set one of fromSecret.tenants.file, fromConfigMap.tenants.file, tenants, settings.tenants.url" -}}
{{- else if gt (len $sources) 1 -}}
{{- $wrong = append $wrong (printf "tenants come from %s: leave one of them" (join " and " $sources)) -}}
{{- end -}}

{{- range $secret := list "smtp_pass" "client_secret" "private_key" -}}
{{- if regexMatch (printf "\"%s\":" $secret) (toJson $v.tenants) -}}
{{- $wrong = append $wrong (printf "tenants holds %s: it would lie in a ConfigMap for all to read. Use %s_file with secretVolumes, or fromSecret.tenants.file" $secret $secret) -}}
{{- end -}}
{{- end -}}

{{- range $group, $fields := $v.fromSecret -}}
{{- range $field, $_ := $fields -}}
{{- if or (dig $group $field "" $v.settings) (dig $group $field "" $v.fromConfigMap) -}}
{{- $wrong = append $wrong (printf "fromSecret.%s.%s is set elsewhere too: leave one of them" $group $field) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $group, $fields := $v.fromConfigMap -}}
{{- range $field, $_ := $fields -}}
{{- if dig $group $field "" $v.settings -}}
{{- $wrong = append $wrong (printf "fromConfigMap.%s.%s is set in settings too: leave one of them" $group $field) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- if and (eq $v.autoscaling.kind "none") (gt (mul $v.replicas $workers | int) $partitions) -}}
{{- $wrong = append $wrong (printf "replicas is %d%s, but %d partitions (settings.topics.partitions) give work to %d processes at most" (int $v.replicas) $each $partitions $partitions) -}}
{{- end -}}
{{- if ne $v.autoscaling.kind "none" -}}
{{- if gt (mul $v.autoscaling.maxReplicas $workers | int) $partitions -}}
{{- $wrong = append $wrong (printf "autoscaling.maxReplicas is %d%s, but %d partitions (settings.topics.partitions) give work to %d processes at most" (int $v.autoscaling.maxReplicas) $each $partitions $partitions) -}}
{{- end -}}
{{- if gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas) -}}
{{- $wrong = append $wrong "autoscaling.minReplicas must be at most autoscaling.maxReplicas" -}}
{{- end -}}
{{- end -}}
{{- if eq $v.autoscaling.kind "keda" -}}
{{- if not $v.settings.kafka.bootstrap_servers -}}
{{- $wrong = append $wrong "autoscaling.kind keda needs settings.kafka.bootstrap_servers: KEDA asks Kafka itself, and reads no extraEnv" -}}
{{- end -}}
{{- if and (hasPrefix "SASL" ($v.settings.kafka.security_protocol | default "PLAINTEXT")) (not $v.autoscaling.keda.authenticationRef) -}}
{{- $wrong = append $wrong "autoscaling.keda.authenticationRef has to name a TriggerAuthentication: KEDA asks Kafka itself, and Kafka wants a login (settings.kafka.security_protocol)" -}}
{{- end -}}
{{- end -}}
{{- if and (eq $v.autoscaling.kind "hpa") (not (dig "requests" "cpu" "" $v.resources)) -}}
{{- $wrong = append $wrong "autoscaling.kind hpa needs resources.requests.cpu: it is what the utilization is a part of" -}}
{{- end -}}

{{- if and (not (kindIs "invalid" $v.terminationGracePeriodSeconds)) (lt (int $v.terminationGracePeriodSeconds) (include "consumer.leaving" . | int)) -}}
{{- $wrong = append $wrong (printf "terminationGracePeriodSeconds must be at least %s: settings.work.drain_within, and 10 s behind it. A pod killed while it drains leaves mails in doubt" (include "consumer.leaving" .)) -}}
{{- end -}}

{{- if and $v.podMonitor.enabled $v.serviceMonitor.enabled -}}
{{- $wrong = append $wrong "podMonitor and serviceMonitor would both scrape each pod: enable one of them" -}}
{{- end -}}
{{- if $v.settings.kafka.group_instance_id -}}
{{- $wrong = append $wrong "settings.kafka.group_instance_id must not be set: two pods would share it. With kind StatefulSet each pod's name is its id" -}}
{{- end -}}
{{- if and (hasKey $v.settings.http "port") (eq (int $v.settings.http.port) 0) -}}
{{- $wrong = append $wrong "settings.http.port must not be 0: probes and Prometheus have to know it" -}}
{{- end -}}
{{- if and $v.settings.http.host (hasPrefix "127." $v.settings.http.host) -}}
{{- $wrong = append $wrong "settings.http.host must be reachable from outside of the pod for probes and Prometheus: leave it unset" -}}
{{- end -}}

{{- $limit := include "consumer.octets" (dig "limits" "memory" "" $v.resources) | float64 -}}
{{- $attachments := mulf $workers (include "consumer.octets" ($v.settings.attachments.memory | default "512MiB") | float64) -}}
{{- if and (gt $limit 0.0) (ge $attachments $limit) -}}
{{- $wrong = append $wrong (printf "resources.limits.memory is %s, and attachments alone may take %s of it (settings.attachments.memory)%s: the pod would be killed" (dig "limits" "memory" "" $v.resources | toString) ($v.settings.attachments.memory | default "512MiB" | toString) $each) -}}
{{- end -}}

{{- if $v.httpApi.enabled -}}
{{- if and (hasKey $v.settings.ingress "port") (eq (int $v.settings.ingress.port) 0) -}}
{{- $wrong = append $wrong "settings.ingress.port must not be 0: the Service has to know it" -}}
{{- end -}}
{{- if eq (include "consumer.api.port" .) (include "consumer.port" .) -}}
{{- $wrong = append $wrong "settings.ingress.port must differ from settings.http.port: calls and metrics are for others" -}}
{{- end -}}
{{- if and $v.settings.ingress.host (hasPrefix "127." $v.settings.ingress.host) -}}
{{- $wrong = append $wrong "settings.ingress.host must be reachable from outside of the pod for callers: leave it unset" -}}
{{- end -}}
{{- if and $v.httpApi.ingress.enabled (not $v.httpApi.ingress.hosts) -}}
{{- $wrong = append $wrong "httpApi.ingress.hosts has to name a host: without one it would answer for all" -}}
{{- end -}}
{{- with $v.httpApi.autoscaling -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- $wrong = append $wrong "httpApi.autoscaling.minReplicas must be at most httpApi.autoscaling.maxReplicas" -}}
{{- end -}}
{{- if and .enabled (not (dig "requests" "cpu" "" $v.httpApi.resources)) -}}
{{- $wrong = append $wrong "httpApi.autoscaling needs httpApi.resources.requests.cpu: it is what the utilization is a part of" -}}
{{- end -}}
{{- end -}}
{{- else if $v.httpApi.ingress.enabled -}}
{{- $wrong = append $wrong "httpApi.ingress.enabled needs httpApi.enabled: there would be nothing behind it" -}}
{{- else if $v.httpApi.autoscaling.enabled -}}
{{- $wrong = append $wrong "httpApi.autoscaling.enabled needs httpApi.enabled: there would be nothing to scale" -}}
{{- end -}}

{{- if $wrong -}}
{{- fail (printf "\n\nThese values cannot work:\n  - %s\n" (join "\n  - " $wrong)) -}}
{{- end -}}
{{- end }}
