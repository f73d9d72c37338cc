/** Which line of the config file the API server complains of. */
import type { KubernetesSettings } from "../../../config/settings.ts";
import { placeInYaml } from "../../../config/yaml-place.ts";

const TEMPLATE = ["backend", "kubernetes", "pod_template"] as const;

/** Where in the pod the worker's own parts come before the template's, so that numbers are moved. */
export interface Offsets {
  readonly initContainers: number;
}

/**
 * `words` are the server's, and name a field such as `spec.template.spec.containers[0].image`; null
 * when they name none of the template's.
 */
export function templatePathOf(words: string, offsets: Offsets): readonly (string | number)[] | null {
  const field = /spec\.template\.spec((?:\.[A-Za-z]+|\[\d+\])*)/.exec(words)?.[1];
  if (field === undefined) return null;
  const parts = [...field.matchAll(/\.([A-Za-z]+)|\[(\d+)\]/g)].map(([, name, at]) => name ?? Number(at));
  const [list, at] = parts;
  if (list !== "initContainers" || typeof at !== "number") return parts;
  // One of the worker's own has no place in the file.
  return at < offsets.initContainers ? null : [list, at - offsets.initContainers, ...parts.slice(2)];
}

/** `worker.yaml:12:7: ` or nothing, to stand before a sentence. */
export function placeOf(path: readonly (string | number)[] | null, settings: KubernetesSettings): string {
  if (path === null || settings.podTemplate === null || settings.configFile === null) return "";
  const place = placeInYaml(settings.configFile, [...TEMPLATE, ...path]);
  return place === null ? "" : `${place}: `;
}
