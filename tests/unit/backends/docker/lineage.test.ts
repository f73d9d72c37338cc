import { describe, expect, test } from "bun:test";
import type { ContainerSummary } from "../../../../src/backends/docker/engine/containers.ts";
import { EngineError, EngineGone } from "../../../../src/backends/docker/engine/errors.ts";
import type { ImageDetails } from "../../../../src/backends/docker/engine/images.ts";
import { LABELS } from "../../../../src/backends/docker/labels.ts";
import { Lineage } from "../../../../src/backends/docker/ownership/lineage.ts";

const LABELLED = { [LABELS.workerId]: "w", [LABELS.container]: "oz-worker-t-1" };
const signal = AbortSignal.timeout(5_000);

const containerOf = (imageId: string, names = ["somebody's"]): ContainerSummary => ({
  id: "c",
  names,
  imageId,
  state: "running",
  labels: LABELLED,
  createdAt: 0,
});

/** An engine whose every image has been committed from a task's container. */
function committed() {
  const asked: string[] = [];
  const inspect = async (id: string): Promise<ImageDetails> => {
    asked.push(id);
    const nothing = { repoDigests: [], os: "", architecture: "" };
    return { ...nothing, id, labels: LABELLED };
  };
  return { lineage: new Lineage({ inspect }), asked };
}

describe("a container whose labels may be its image's", () => {
  test("is told by its name where the engine does not say which image it is of", async () => {
    const { lineage, asked } = committed();
    expect(await lineage.isStrangers(containerOf(""), signal)).toBe(true);
    expect(await lineage.isStrangers(containerOf("", ["oz-worker-t-1"]), signal)).toBe(false);
    expect(asked).toEqual([]);
  });

  test("is told by its name where the engine does not show its image, and not told of where it is away", async () => {
    const failing = (error: Error) => new Lineage({ inspect: () => Promise.reject(error) });
    const refused = failing(new EngineError(403, "not for you"));
    const isStrangers = (...names: string[]) => refused.isStrangers(containerOf("a", names), signal);
    expect(await isStrangers("somebody's")).toBe(true);
    expect(await isStrangers("oz-worker-t-2")).toBe(true);
    expect(await isStrangers("oz-worker-t-1")).toBe(false);
    expect(await isStrangers("oz-worker-t-1-ended")).toBe(false);
    const early = { ...containerOf("a", ["oz-worker-t-3"]), labels: { [LABELS.workerId]: "w" } };
    expect(await refused.isStrangers(early, signal)).toBe(false);
    expect(await refused.isStrangers({ ...early, names: ["somebody's"] }, signal)).toBe(true);
    for (const error of [new EngineError(503, "no engine behind this proxy"), new EngineGone("cut")])
      await expect(failing(error).isStrangers(containerOf("a"), signal)).rejects.toBe(error);
  });

  test("costs one look at its image, however often it is met", async () => {
    const { lineage, asked } = committed();
    for (const id of ["a", "b", "a", "b"])
      expect(await lineage.isStrangers(containerOf(id), signal)).toBe(true);
    expect(asked).toEqual(["a", "b"]);
  });

  test("leaves nothing for ever of an image that was met once", async () => {
    const { lineage, asked } = committed();
    for (let image = 0; image < 1_000; image++) await lineage.isStrangers(containerOf(`${image}`), signal);
    await lineage.isStrangers(containerOf("0"), signal);
    expect(asked.filter((id) => id === "0")).toHaveLength(2);
  });
});
