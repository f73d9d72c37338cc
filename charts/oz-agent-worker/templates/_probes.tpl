{{/* Liveness asks whether the worker is stuck, never whether the link is up: a restart mends no network. */}}
{{- define "oz-agent-worker.probes" -}}
{{- if .Values.worker.livenessProbe }}
livenessProbe:
  {{- toYaml .Values.worker.livenessProbe | nindent 2 }}
{{- else if .Values.health.enabled }}
livenessProbe:
  httpGet:
    path: /healthz
    port: health
  initialDelaySeconds: 10
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}
{{- if .Values.worker.readinessProbe }}
readinessProbe:
  {{- toYaml .Values.worker.readinessProbe | nindent 2 }}
{{- else if .Values.health.enabled }}
readinessProbe:
  httpGet:
    path: /readyz
    port: health
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}
{{- end }}

{{/* Not empty when somebody else fetches the metrics from the pod. */}}
{{- define "oz-agent-worker.scraped" -}}
{{- if and .Values.metrics.enabled (eq .Values.metrics.exporter "prometheus") }}yes{{ end }}
{{- end }}
