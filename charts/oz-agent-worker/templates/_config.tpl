{{/* The configuration file: only what is set, so that the worker's own defaults hold for the rest. */}}
{{- define "oz-agent-worker.config" -}}
{{- $worker := .Values.worker }}
{{- $own := .Values.kubernetesBackend }}
{{- $backend := dict "namespace" (include "oz-agent-worker.jobNamespace" .) }}
{{- $keys := dict
  "defaultImage" "default_image"
  "imagePullPolicy" "image_pull_policy"
  "useImageVolumes" "use_image_volumes"
  "preflightImage" "preflight_image"
  "preflightResources" "preflight_resources"
  "sidecarImage" "sidecar_image"
  "codingCliSidecars" "coding_cli_sidecars"
  "setupCommand" "setup_command"
  "teardownCommand" "teardown_command"
  "extraLabels" "extra_labels"
  "extraAnnotations" "extra_annotations"
  "activeDeadlineSeconds" "active_deadline_seconds"
  "workspaceSizeLimit" "workspace_size_limit"
  "unschedulableTimeout" "unschedulable_timeout"
  "podTemplate" "pod_template"
}}
{{- range $value, $key := $keys }}
{{- with index $own $value }}
{{- $_ := set $backend $key . }}
{{- end }}
{{- end }}
{{- /* Zero means something here: finished Jobs go at once. */}}
{{- if not (kindIs "invalid" $own.ttlSecondsAfterFinished) }}
{{- $_ := set $backend "ttl_seconds_after_finished" $own.ttlSecondsAfterFinished }}
{{- end }}
{{- if ne $own.taskEnvSecret "auto" }}
{{- $_ := set $backend "task_env_secret" $own.taskEnvSecret }}
{{- end }}
{{- $config := dict
  "worker_id" (required "worker.workerId is required: what runs are routed to" $worker.workerId)
  "cleanup" $worker.cleanup
  "log_level" $worker.logLevel
  "max_concurrent_tasks" $worker.maxConcurrentTasks
  "backend" (dict "kubernetes" $backend)
}}
{{- with $worker.idleOnComplete }}
{{- $_ := set $config "idle_on_complete" . }}
{{- end }}
{{- if .Values.health.enabled }}
{{- $_ := set $config "health_address" (printf ":%d" (int .Values.health.port)) }}
{{- end }}
{{- toYaml (merge $config $worker.extraConfig) }}
{{- end }}
