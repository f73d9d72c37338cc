import { describe, expect, test } from "bun:test";
import { configPlaceOf, templatePathOf } from "../../../../src/backends/kubernetes/preflight/config-place.ts";
import { TempDir } from "../../../support/temp-dir.ts";
import { kubernetesSettings } from "./sample-settings.ts";

describe("the place in the template that the API server means", () => {
  test.each([
    ['unknown field "spec.template.spec.nodeSelectr"', 0, ["nodeSelectr"]],
    ["spec.template.spec.containers[1].ports[0].name: Required", 0, ["containers", 1, "ports", 0, "name"]],
    // The worker's own stand before the template's.
    ["spec.template.spec.initContainers[2].image: Required value", 2, ["initContainers", 0, "image"]],
    ["spec.template.spec.initContainers[1].image: Required value", 2, null],
    // Where it decodes, it counts nothing.
    [
      "Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
      0,
      ["containers", "env", "value"],
    ],
    ["spec.template.spec: Required value", 0, []],
    ["metadata.name: Invalid value", 0, null],
  ])("%s, with %d init containers of the worker's", (words, own, path) => {
    expect(templatePathOf(words, own)).toEqual(path);
  });
});

const FILE = `worker_id: w
backend:
  kubernetes:
    extra_labels: {"a b": c}
    pod_template:
      initContainers:
        - name: ok
        - name: BAD
`;

describe("the setting that the API server means", () => {
  test.each([
    ["spec.template.spec.initContainers[2].name: no", "pod_template", 8, 17],
    ["spec.template.spec.initContainers[2].image: Required value", "pod_template", 8, 11],
    ["metadata.labels: Invalid value", "extra_labels", 4, 19],
  ])("%s", async (words, key, line, column) => {
    await using folder = await TempDir.create();
    const configFile = await folder.write("worker.yaml", FILE);
    const settings = kubernetesSettings({ configFile, podTemplate: { initContainers: [{}, {}] } });
    expect(configPlaceOf(words, 1, settings)).toEqual({
      setting: `backend.kubernetes.${key}`,
      place: `${configFile}:${line}:${column}`,
    });
  });

  test("is the whole block when it is none of the operator's, and nowhere when there is no file to be read", () => {
    const gone = kubernetesSettings({ configFile: "/nowhere/at/all", podTemplate: {} });
    expect(configPlaceOf("metadata.name: no", 0, gone)).toEqual({
      setting: "backend.kubernetes",
      place: null,
    });
    expect(configPlaceOf("spec.template.spec.foo: no", 0, gone).place).toBeNull();
    const flags = kubernetesSettings();
    expect(configPlaceOf("spec.template.spec.volumes[0]: no", 0, flags)).toEqual({
      setting: "backend.kubernetes",
      place: null,
    });
  });
});
