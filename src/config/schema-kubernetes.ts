/** `backend.kubernetes`: each task as a Job. */
import * as v from "valibot";
import { anyMap, count, flagged, goDuration, image, quantity, setting, text, textMap } from "./field.ts";
import { suggestion } from "./nearest.ts";
import { IMAGE_PULL_POLICIES, TASK_ENV_SECRET } from "./settings.ts";

const NAMESPACE_RULE = "must be a namespace: lower-case letters, digits and dashes, at most 63";

const MAPPING = "must be a mapping";

const amounts = () => v.record(v.string(), quantity(), "must be a mapping of resources to quantities");

/** The API server takes a bare number for a quantity, and nothing for an empty mapping. */
const bareAmounts = () => {
  const rule = 'must be a quantity such as "10Gi", "500m" or 2';
  return v.nullish(v.record(v.string(), v.union([v.number(), quantity()], rule), MAPPING));
};

const REQUIREMENTS: readonly string[] = ["requests", "limits", "claims"];

/** Not an object of fixed keys, which docs and flags would take for a block of settings. */
const resourceRequirements = () =>
  v.pipe(
    v.looseObject(
      { requests: v.optional(amounts()), limits: v.optional(amounts()) },
      "must be a mapping with requests and limits",
    ),
    v.check(
      (given) => strangeRequirement(given) === undefined,
      ({ input }) => {
        const key = strangeRequirement(input) ?? "";
        return `must not have the key "${key}"${suggestion(key, REQUIREMENTS)}`;
      },
    ),
  );

function strangeRequirement(given: object): string | undefined {
  return Object.keys(given).find((key) => !REQUIREMENTS.includes(key));
}

const placement = () => ({
  namespace: v.optional(
    setting(
      v.pipe(v.string(NAMESPACE_RULE), v.regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, NAMESPACE_RULE)),
      "Namespace of the task Jobs",
      { valueHint: "NAME" },
    ),
    "default",
  ),
  kubeconfig: v.optional(
    setting(text(), "The kubeconfig to use", {
      valueHint: "PATH",
      otherwise: "the cluster the worker runs in, else KUBECONFIG, else `~/.kube/config`",
    }),
  ),
});

const images = () => ({
  default_image: v.optional(
    setting(image(), "Image of tasks for which the server names none", {
      valueHint: "IMAGE",
      otherwise: "`ubuntu:22.04`",
    }),
  ),
  image_pull_policy: v.optional(
    setting(v.picklist(IMAGE_PULL_POLICIES), "When the kubelet pulls the task's image"),
    "IfNotPresent",
  ),
  use_image_volumes: v.optional(
    setting(flagged(), "Mount sidecar images as image volumes instead of copying them"),
    false,
  ),
  preflight_image: v.optional(
    setting(image(), "Image of the Job that tries the cluster out at start", { valueHint: "IMAGE" }),
    "busybox:1.36",
  ),
  preflight_resources: v.optional(
    setting(resourceRequirements(), "Resources of that Job's containers", {
      valueHint: "ResourceRequirements",
    }),
    { requests: { cpu: "10m", memory: "16Mi" }, limits: { cpu: "100m", memory: "64Mi" } },
  ),
  sidecar_image: v.optional(
    setting(image(), "Replaces the agent's sidecar image that the server names", { valueHint: "IMAGE" }),
  ),
  coding_cli_sidecars: v.optional(
    setting(
      v.record(
        v.pipe(v.string(), v.nonEmpty("must not have an empty key")),
        image(),
        "must be a mapping of harnesses to images",
      ),
      "Image that brings the command line tool of a harness, by harness",
      { valueHint: "HARNESS: IMAGE" },
    ),
    {},
  ),
});

const job = () => ({
  setup_command: v.optional(
    setting(text(), "Shell text run in the init container `setup` before each task", { valueHint: "SH" }),
  ),
  teardown_command: v.optional(
    setting(text(), "Shell text run as preStop hook of the container `task`", { valueHint: "SH" }),
  ),
  extra_labels: v.optional(
    setting(textMap(), "Labels added to Jobs and pods", { valueHint: "KEY: VALUE" }),
    {},
  ),
  extra_annotations: v.optional(
    setting(textMap(), "Annotations added to Jobs and pods", { valueHint: "KEY: VALUE" }),
    {},
  ),
  active_deadline_seconds: v.optional(
    setting(count(1), "Longest life of a task's Job", { valueHint: "SECONDS", otherwise: "no limit" }),
  ),
  ttl_seconds_after_finished: v.optional(
    setting(count(0), "How long a finished Job stays; without limit when cleanup is off", {
      valueHint: "SECONDS",
    }),
    86400,
  ),
  workspace_size_limit: v.optional(
    setting(quantity(), "Largest size of a task's workspace volume", {
      valueHint: "QUANTITY",
      otherwise: "no limit",
    }),
  ),
  unschedulable_timeout: v.optional(
    setting(goDuration(), "How long a pod may find no node before the task fails; 0s: never give up", {
      valueHint: "DURATION",
    }),
    "30s",
  ),
  task_env_secret: v.optional(
    setting(
      v.picklist(TASK_ENV_SECRET),
      "Whether the variables of a task go into a Secret that its Job owns instead of standing in the Job; auto: where the role may create Secrets",
    ),
    "auto",
  ),
  pod_template: v.optional(
    setting(
      podTemplate(),
      "PodSpec that every task's pod starts from; its container `task` is the one that is filled in",
      {
        valueHint: "PodSpec",
      },
    ),
  ),
});

/** Only the places to which the worker adds something; the rest is the API server's to check. */
const podTemplate = () => {
  const objects = v.array(anyMap(), "must be a list of mappings");
  const resources = v.looseObject({ requests: bareAmounts(), limits: bareAmounts() }, MAPPING);
  const container = v.looseObject(
    {
      env: v.nullish(setting(objects, "Variables, whose values may be tokens", { secret: true })),
      volumeMounts: v.nullish(objects),
      resources: v.nullish(resources),
      lifecycle: v.nullish(anyMap()),
    },
    MAPPING,
  );
  return v.looseObject(
    {
      containers: v.nullish(v.array(container, "must be a list of mappings")),
      initContainers: v.nullish(objects),
      volumes: v.nullish(objects),
      securityContext: v.nullish(anyMap()),
    },
    MAPPING,
  );
};

export function kubernetesSchema() {
  return v.strictObject({ ...placement(), ...images(), ...job() }, "must be a mapping");
}
