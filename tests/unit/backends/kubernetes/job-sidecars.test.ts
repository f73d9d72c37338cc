import { describe, expect, test } from "bun:test";
import type { V1PodSpec } from "@kubernetes/client-node";
import { COPY_SCRIPT } from "../../../../src/backends/kubernetes/job/copy-script.ts";
import { literal } from "../../../../src/backends/kubernetes/job/expansion.ts";
import { buildJob } from "../../../../src/backends/kubernetes/job/job.ts";
import type { KubernetesSettings } from "../../../../src/config/settings.ts";
import type { Sidecar } from "../../../../src/protocol/assignment.ts";
import { TaskFailure } from "../../../../src/task/backend.ts";
import type { SampleFields } from "../../task/sample-assignment.ts";
import { INSTANCE_ID, kubernetesSettings, sampleTask, WORKER_ID } from "./sample-settings.ts";

function podOf(fields: SampleFields, settings: Partial<KubernetesSettings> = {}): V1PodSpec | undefined {
  return buildJob({
    task: sampleTask(fields),
    settings: kubernetesSettings(settings),
    workerId: WORKER_ID,
    instanceId: INSTANCE_ID,
    envSecretName: null,
  }).spec?.template.spec;
}

/** Image by mount path, as the pod would have it. */
function mountedImages(pod: V1PodSpec | undefined): Record<string, string | undefined> {
  const task = pod?.containers.find(({ name }) => name === "task");
  const mounts = task?.volumeMounts?.filter(({ name }) => name !== "workspace") ?? [];
  return Object.fromEntries(
    mounts.map(({ name, mountPath }) => {
      const copier = pod?.initContainers?.find(({ volumeMounts }) => volumeMounts?.[0]?.name === name);
      return [
        mountPath,
        copier?.image ?? pod?.volumes?.find((volume) => volume.name === name)?.image?.reference,
      ];
    }),
  );
}

function sidecar(fields: Partial<Sidecar> = {}): Sidecar {
  return { image: "more:1", mountPath: "/more", readWrite: false, ...fields };
}

describe("sidecars", () => {
  const fields = { sidecarImage: "agent:1", additionalSidecars: [sidecar({ readWrite: true })] };

  test("are copied by an init container of their own image, as root, into a volume each", () => {
    const pod = podOf(fields, { imagePullPolicy: "Always" });
    expect(pod?.volumes).toEqual([
      { name: "workspace", emptyDir: {} },
      { name: "sidecar-0-data", emptyDir: {} },
      { name: "sidecar-1-data", emptyDir: {} },
    ]);
    expect(pod?.initContainers).toEqual(
      ["agent:1", "more:1"].map((image, at) => ({
        name: `copy-sidecar-${at}`,
        image,
        imagePullPolicy: "Always",
        command: ["/bin/sh", "-c", literal(COPY_SCRIPT)],
        securityContext: { runAsUser: 0, runAsGroup: 0 },
        volumeMounts: [{ name: `sidecar-${at}-data`, mountPath: "/target" }],
      })),
    );
    expect(pod?.containers[0]?.volumeMounts).toEqual([
      { name: "workspace", mountPath: "/workspace" },
      { name: "sidecar-0-data", mountPath: "/agent", readOnly: true },
      { name: "sidecar-1-data", mountPath: "/more" },
    ]);
  });

  test("are the images themselves with use_image_volumes", () => {
    const settings = { useImageVolumes: true, imagePullPolicy: "Always" } as const;
    const pod = podOf({ ...fields, additionalSidecars: [sidecar()] }, settings);
    expect(pod).not.toHaveProperty("initContainers");
    expect(pod?.volumes?.slice(1)).toEqual([
      { name: "sidecar-0-image", image: { reference: "agent:1", pullPolicy: "Always" } },
      { name: "sidecar-1-image", image: { reference: "more:1", pullPolicy: "Always" } },
    ]);
    expect(pod?.containers[0]?.volumeMounts?.slice(1)).toEqual([
      { name: "sidecar-0-image", mountPath: "/agent", readOnly: true },
      { name: "sidecar-1-image", mountPath: "/more", readOnly: true },
    ]);
  });

  test("of the agent come from the operator where one is set, even if the server sends none", () => {
    expect(mountedImages(podOf(fields, { sidecarImage: "mine:1" }))["/agent"]).toBe("mine:1");
    expect(mountedImages(podOf({}, { sidecarImage: "mine:1" }))).toEqual({ "/agent": "mine:1" });
    expect(mountedImages(podOf({}))).toEqual({});
  });

  test.each([
    ["added", "claude", [], { "/mnt/claude-cli-sidecar": "mine:1" }],
    [
      "replaced",
      "claude",
      [sidecar({ mountPath: "/mnt/claude-cli-sidecar/" })],
      { "/mnt/claude-cli-sidecar": "mine:1" },
    ],
    ["left alone for another harness", "codex", [sidecar()], { "/more": "more:1" }],
    ["left alone without a harness", "", [sidecar()], { "/more": "more:1" }],
    ["left alone for what is a word of the language only", "constructor", [], {}],
  ] as const)("of the harness's tool are %s", (_what, harness, additionalSidecars, images) => {
    const settings = { codingCliSidecars: { claude: "mine:1", gemini: "g:1" } };
    expect(mountedImages(podOf({ additionalSidecars, snapshot: { harness } }, settings))).toEqual(images);
  });

  test.each([
    ["at the workspace", [sidecar({ mountPath: "/workspace" })], {}, "/workspace"],
    ["at the workspace, written otherwise", [sidecar({ mountPath: "//workspace/" })], {}, "/workspace"],
    ["at the workspace by a detour", [sidecar({ mountPath: "/x/../workspace/." })], {}, "/workspace"],
    ["at the workspace without a slash", [sidecar({ mountPath: "workspace" })], {}, "/workspace"],
    ["at the agent's place", [sidecar({ mountPath: "/agent" })], {}, "/agent"],
    ["at one place twice", [sidecar(), sidecar({ mountPath: "/more/" })], {}, "/more"],
    ["without an image", [sidecar({ image: "" })], {}, "no image"],
    ["without a place", [sidecar({ mountPath: "" })], {}, "no mount path"],
    [
      "writable and an image volume",
      [sidecar({ readWrite: true })],
      { useImageVolumes: true },
      "use_image_volumes",
    ],
  ])("%s are refused", (_where, additionalSidecars, settings, words) => {
    const building = () => podOf({ sidecarImage: "agent:1", additionalSidecars }, settings);
    expect(building).toThrow(TaskFailure);
    expect(building).toThrow(words);
    expect(building).toThrow(expect.objectContaining({ reason: "sidecar_prep" }));
  });

  test("may lie below the workspace", () => {
    const additionalSidecars = [sidecar({ mountPath: "/workspace/tools" })];
    expect(mountedImages(podOf({ additionalSidecars }))).toEqual({ "/workspace/tools": "more:1" });
  });
});
