/** Which setting, and which line of the config file, the API server complains of. */
import type { KubernetesSettings } from "../../../config/settings.ts";
import { placeInYaml } from "../../../config/yaml-place.ts";

const BLOCK = "backend.kubernetes";

type Path = readonly (string | number)[];

/** Fields of a Job that are made from one setting each; the pod's own come from the template. */
const SETTINGS: readonly { readonly field: RegExp; readonly setting: string }[] = [
  { field: /\blabels: /, setting: "extra_labels" },
  { field: /\bannotations: /, setting: "extra_annotations" },
  { field: /\bspec\.activeDeadlineSeconds: /, setting: "active_deadline_seconds" },
  { field: /\bspec\.ttlSecondsAfterFinished: /, setting: "ttl_seconds_after_finished" },
];

export interface ConfigPlace {
  /** `backend.kubernetes.pod_template`; the whole block when it is none of the operator's settings. */
  readonly setting: string;
  /** `worker.yaml:12:7`; null: it stands in no file. */
  readonly place: string | null;
}

/**
 * `words` are the server's, and name a field such as `spec.template.spec.containers[0].image`.
 * `ownInitContainers`: so many of the worker's come before the template's.
 */
export function configPlaceOf(
  words: string,
  ownInitContainers: number,
  { configFile, podTemplate }: KubernetesSettings,
): ConfigPlace {
  const path = podTemplate === null ? null : templatePathOf(words, ownInitContainers);
  const setting = SETTINGS.find(({ field }) => field.test(words))?.setting;
  const found: Path = path !== null ? ["pod_template", ...path] : setting === undefined ? [] : [setting];
  const [key] = found;
  return {
    setting: key === undefined ? BLOCK : `${BLOCK}.${key}`,
    place:
      configFile === null || key === undefined
        ? null
        : placeInYaml(configFile, [...BLOCK.split("."), ...found]),
  };
}

/** Null: the words name nothing of the template's. */
export function templatePathOf(words: string, ownInitContainers: number): Path | null {
  const field = /spec\.template\.spec((?:\.[A-Za-z]+|\[\d+\])*)/.exec(words)?.[1];
  if (field === undefined) return null;
  const parts = [...field.matchAll(/\.([A-Za-z]+)|\[(\d+)\]/g)].map(([, name, at]) => name ?? Number(at));
  const [list, at] = parts;
  if (list !== "initContainers" || typeof at !== "number") return parts;
  return at < ownInitContainers ? null : [list, at - ownInitContainers, ...parts.slice(2)];
}
