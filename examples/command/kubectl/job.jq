# The Job of a task. The input is the payload, $name the Job's name and that of the Secret with .env.
. as $payload | {
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: {name: $name, annotations: {"oz/run-id": .run_id, "oz/execution-id": .execution_id}},
  spec: {
    suspend: true,
    backoffLimit: 0,
    ttlSecondsAfterFinished: 86400,
    template: {
      spec: {
        restartPolicy: "Never",
        containers: [{
          name: "task",
          image: .docker_image,
          command: ["/agent/entrypoint.sh"],
          # $(NAME) would be replaced by a variable's value; $$ is one $.
          args: [.base_args[] | split("$") | join("$$")],
          workingDir: "/workspace",
          env: [.env | keys[] | {name: ., valueFrom: {secretKeyRef: {name: $name, key: .}}}],
          volumeMounts: (
            [{name: "workspace", mountPath: "/workspace"}]
            + [.sidecars | to_entries[] | {name: "sidecar-\(.key)", mountPath: .value.mount_path, readOnly: true}]
          )
        }],
        # Volumes of images need Kubernetes 1.35, or 1.33 with the feature gate ImageVolume.
        volumes: (
          [{name: "workspace", emptyDir: {}}]
          + [.sidecars | to_entries[] | {name: "sidecar-\(.key)", image: {reference: .value.image}}]
        )
      }
    }
  }
}
| if any($payload.sidecars[]; .read_write) then error("this Job has no place for a sidecar that the task may write to") else . end
