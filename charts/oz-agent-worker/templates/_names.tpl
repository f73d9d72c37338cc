{{/* Names have at most 63 characters: some of them become labels. */}}
{{- define "oz-agent-worker.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "oz-agent-worker.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What selects the worker's pods. Never changed: a Deployment's selector cannot be. */}}
{{- define "oz-agent-worker.selector" -}}
app.kubernetes.io/name: {{ include "oz-agent-worker.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "oz-agent-worker.labels" -}}
{{ include "oz-agent-worker.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "oz-agent-worker.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "oz-agent-worker.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* A Secret that is neither made here nor named is a mistake that the kubelet would only hint at. */}}
{{- define "oz-agent-worker.keySecret" -}}
{{- $secret := .Values.warp.apiKeySecret }}
{{- if and (not $secret.create) (not $secret.name) }}
{{- fail "warp.apiKeySecret.name is required: the Secret that holds the API key (or let the chart make one with warp.apiKeySecret.create and .value)" }}
{{- end }}
{{- default (printf "%s-api-key" (include "oz-agent-worker.fullname" .)) $secret.name }}
{{- end }}

{{- define "oz-agent-worker.jobNamespace" -}}
{{- default .Release.Namespace .Values.kubernetesBackend.namespace }}
{{- end }}

{{/* The Role may lie in another namespace than the release, where two releases may meet. */}}
{{- define "oz-agent-worker.roleName" -}}
{{- if eq (include "oz-agent-worker.jobNamespace" .) .Release.Namespace }}
{{- include "oz-agent-worker.fullname" . }}
{{- else }}
{{- printf "%s-%s" (include "oz-agent-worker.fullname" .) .Release.Namespace | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
