/** Which setting, and which line of the config file, the API server complains of. */
import type { KubernetesSettings } from "../../../config/settings.ts";
import { placeInYaml } from "../../../config/yaml-place.ts";
import { BackendUnusable } from "../../../task/backend.ts";

const BLOCK = "backend.kubernetes";

type Path = readonly (string | number)[];

interface Origin {
  readonly field: RegExp;
  readonly setting: string;
}

/** Fields of a Job that are made from one setting each; the pod's own come from the template. */
const SETTINGS: readonly Origin[] = [
  { field: /\blabels: /, setting: "extra_labels" },
  { field: /\bannotations: /, setting: "extra_annotations" },
  { field: /\bspec\.activeDeadlineSeconds: /, setting: "active_deadline_seconds" },
  { field: /\bspec\.ttlSecondsAfterFinished: /, setting: "ttl_seconds_after_finished" },
];

/** The same for the preflight's own Job, whose template was accepted before. */
const PREFLIGHT_SETTINGS: readonly Origin[] = [
  { field: /\.resources\b/, setting: "preflight_resources" },
  { field: /\.image\b/, setting: "preflight_image" },
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
  settings: KubernetesSettings,
): ConfigPlace {
  const path = settings.podTemplate === null ? null : templatePathOf(words, ownInitContainers);
  return placed(path === null ? originOf(words, SETTINGS) : ["pod_template", ...path], settings);
}

export function preflightPlaceOf(words: string, settings: KubernetesSettings): ConfigPlace {
  return placed(originOf(words, PREFLIGHT_SETTINGS), settings);
}

function originOf(words: string, origins: readonly Origin[]): Path {
  const found = origins.find(({ field }) => field.test(words));
  return found === undefined ? [] : [found.setting];
}

function placed(found: Path, { configFile }: KubernetesSettings): ConfigPlace {
  const [key] = found;
  if (key === undefined) return { setting: BLOCK, place: null };
  const place = configFile === null ? null : placeInYaml(configFile, [...BLOCK.split("."), ...found]);
  return { setting: `${BLOCK}.${key}`, place };
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

export function notAccepted({ setting, place }: ConfigPlace, error: Error): BackendUnusable {
  const where = place === null ? "" : `${place}: `;
  return new BackendUnusable(
    `${where}The cluster does not accept Jobs made from ${setting}: ${error.message}`,
    { cause: error },
  );
}
