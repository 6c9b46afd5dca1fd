{{- define "ccstream.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* What all names begin with; short enough that a part's name and a pod's number fit behind it. */ -}}
{{- define "ccstream.fullname" -}}
{{- $name := include "ccstream.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "ccstream.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "ccstream.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "ccstream.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* Labels that never change: selectors are made of them. (list . "worker") */ -}}
{{- define "ccstream.selector" -}}
{{- $top := index . 0 -}}
app.kubernetes.io/name: {{ include "ccstream.name" $top }}
app.kubernetes.io/instance: {{ $top.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- /* (list . "worker") */ -}}
{{- define "ccstream.labels" -}}
{{- $top := index . 0 -}}
{{ include "ccstream.selector" . }}
app.kubernetes.io/version: {{ $top.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: ccstream
app.kubernetes.io/managed-by: {{ $top.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $top.Chart.Name $top.Chart.Version }}
{{- with $top.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* The settings of a part, those of all pods included. (list . .Values.worker) */ -}}
{{- define "ccstream.settings" -}}
{{- $top := index . 0 -}}
{{- mergeOverwrite (deepCopy $top.Values.settings) (deepCopy (index . 1).settings) | toYaml -}}
{{- end -}}

{{- define "ccstream.files" -}}
{{- $top := index . 0 -}}
{{- mergeOverwrite (deepCopy $top.Values.files) (deepCopy (index . 1).files) | toYaml -}}
{{- end -}}

{{- /* A setting as the environment has it: whole numbers without a point or exponent. */ -}}
{{- define "ccstream.value" -}}
{{- if kindIs "slice" . -}}
{{- join "," . -}}
{{- else if and (kindIs "float64" .) (eq (floor .) .) -}}
{{- printf "%.0f" . -}}
{{- else -}}
{{- toString . -}}
{{- end -}}
{{- end -}}

{{- /* Environment of a part: its settings and where its files are. (list . .Values.worker) */ -}}
{{- define "ccstream.env" -}}
{{- range $name, $value := include "ccstream.settings" . | fromYaml }}
{{- if kindIs "map" $value }}
{{- range $inner, $given := $value }}
{{- if not (kindIs "invalid" $given) }}
- name: {{ printf "CCSTREAM_%s__%s" $name $inner | upper }}
  value: {{ include "ccstream.value" $given | quote }}
{{- end }}
{{- end }}
{{- else if not (kindIs "invalid" $value) }}
- name: {{ printf "CCSTREAM_%s" $name | upper }}
  value: {{ include "ccstream.value" $value | quote }}
{{- end }}
{{- end }}
{{- range $setting, $source := include "ccstream.files" . | fromYaml }}
- name: {{ printf "CCSTREAM_%s" ($setting | replace "." "__") | upper }}
  value: /etc/ccstream/files/{{ $setting }}
{{- end }}
{{- end -}}

{{- /* The files' volume. (list . .Values.worker) */ -}}
{{- define "ccstream.volumes" -}}
- name: tmp
  emptyDir: {}
{{- with include "ccstream.files" . | fromYaml }}
- name: files
  projected:
    defaultMode: 288 # 0440: the pods' group reads
    sources:
      {{- range $setting, $source := . }}
      {{- if $source.secret }}
      - secret:
          name: {{ $source.secret }}
          items:
            - key: {{ $source.key }}
              path: {{ $setting }}
      {{- else if $source.configMap }}
      - configMap:
          name: {{ $source.configMap }}
          items:
            - key: {{ $source.key }}
              path: {{ $setting }}
      {{- else }}
      - serviceAccountToken:
          {{- toYaml $source.serviceAccountToken | nindent 10 }}
          path: {{ $setting }}
      {{- end }}
      {{- end }}
{{- end }}
{{- end -}}

{{- define "ccstream.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if include "ccstream.files" . | fromYaml }}
- name: files
  mountPath: /etc/ccstream/files
  readOnly: true
{{- end }}
{{- end -}}

{{- /* What every pod of ours has, beside containers and volumes. (list . .Values.worker "worker") */ -}}
{{- define "ccstream.pod" -}}
{{- $top := index . 0 -}}
{{- $part := index . 1 -}}
serviceAccountName: {{ include "ccstream.serviceAccount" $top }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $top.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with $part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.topologySpread }}
topologySpreadConstraints:
  {{- range . }}
  - {{ toYaml . | nindent 4 | trim }}
    labelSelector:
      matchLabels:
        {{- include "ccstream.selector" (list $top (index $ 2)) | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "ccstream.container" -}}
image: {{ include "ccstream.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{- /* Probes of whatever has /livez and /readyz. (dict "port" "metrics" "scheme" "HTTP") */ -}}
{{- define "ccstream.probes" -}}
{{- /* It answers while it restores and while it has no broker: only one that hangs is not live. */ -}}
startupProbe:
  httpGet:
    path: /livez
    port: {{ .port }}
    scheme: {{ .scheme }}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet:
    path: /livez
    port: {{ .port }}
    scheme: {{ .scheme }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet:
    path: /readyz
    port: {{ .port }}
    scheme: {{ .scheme }}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end -}}

{{- /* What no schema can see: values that do not go together. Fails with a sentence. */ -}}
{{- define "ccstream.checks" -}}
{{- $settings := include "ccstream.settings" (list . .Values.worker) | fromYaml -}}
{{- $state := default dict $settings.state -}}
{{- $kafka := default dict $settings.kafka -}}
{{- $workers := mul .Values.worker.replicas .Values.worker.processes | int -}}
{{- if and .Values.worker.persistence.enabled (ne (default "memory" $state.store) "rocksdb") -}}
{{- fail "worker.persistence.enabled would keep nothing: set worker.settings.state.store to rocksdb" -}}
{{- end -}}
{{- if and (gt $workers 0) (ge (int (default 0 $state.standby_replicas)) $workers) -}}
{{- fail (printf "worker.settings.state.standby_replicas is %d, and there are %d workers: a partition is followed by workers other than its own, so give fewer standbys or more workers" (int $state.standby_replicas) $workers) -}}
{{- end -}}
{{- if gt $workers (int (default 8 $kafka.partitions)) -}}
{{- fail (printf "worker.replicas times worker.processes is %d, and settings.kafka.partitions is %d: a worker without a partition does nothing, so start fewer" $workers (int (default 8 $kafka.partitions))) -}}
{{- end -}}
{{- if .Values.gateway.enabled -}}
{{- $gateway := default dict (include "ccstream.settings" (list . .Values.gateway) | fromYaml).gateway -}}
{{- $files := include "ccstream.files" (list . .Values.gateway) | fromYaml -}}
{{- if not (hasKey $files "gateway.signing_key_file") -}}
{{- fail "gateway.enabled needs gateway.files to have gateway.signing_key_file: a Secret with the output of `openssl rand -hex 32`" -}}
{{- end -}}
{{- if not (or (hasKey $files "gateway.keys_file") $gateway.oidc_jwks) -}}
{{- fail "gateway.enabled would let nobody in: give gateway.files a gateway.keys_file, or gateway.settings.gateway the oidc_issuer, oidc_audience and oidc_jwks" -}}
{{- end -}}
{{- if ne (hasKey $files "gateway.tls_certificate_file") (hasKey $files "gateway.tls_key_file") -}}
{{- fail "gateway.files has one of gateway.tls_certificate_file and gateway.tls_key_file: give both or none" -}}
{{- end -}}
{{- with .Values.gateway.keda -}}
{{- if and .enabled (not .cpuUtilizationPercent) (not .prometheus.serverAddress) (not .extraTriggers) -}}
{{- fail "gateway.keda.enabled has nothing to go by: give cpuUtilizationPercent, prometheus.serverAddress or extraTriggers" -}}
{{- end -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- fail (printf "gateway.keda.minReplicas %d is more than maxReplicas %d" (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
