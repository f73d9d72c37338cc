import { describe, expect, test } from "bun:test";
import type { Sidecar } from "../../../src/protocol/assignment.ts";
import { TaskFailure } from "../../../src/task/backend.ts";
import { listSidecars } from "../../../src/task/sidecars.ts";
import { sampleAssignment } from "./sample-assignment.ts";

const sidecar = (image: string, mountPath: string, readWrite = false): Sidecar => ({
  image,
  mountPath,
  readWrite,
});
const list = (sidecarImage: string, ...additionalSidecars: Sidecar[]) =>
  listSidecars({ ...sampleAssignment(), sidecarImage, additionalSidecars });

describe("the sidecars of a task", () => {
  test("are the agent's at /agent, read-only, and then the additional ones in their order", () => {
    expect(list("agent:1", sidecar("b", "/b", true), sidecar("a", "/a"))).toEqual([
      sidecar("agent:1", "/agent"),
      sidecar("b", "/b", true),
      sidecar("a", "/a"),
    ]);
  });

  test("are the additional ones alone when the server names no agent image", () => {
    expect(list("")).toEqual([]);
    expect(list("", sidecar("own-agent", "/agent"))).toEqual([sidecar("own-agent", "/agent")]);
  });

  test("may share an image", () => {
    expect(list("x", sidecar("x", "/b"))).toHaveLength(2);
  });

  test("lose the white space around their names", () => {
    expect(list("", sidecar(" x:1\n", " /b "))).toEqual([sidecar("x:1", "/b")]);
  });

  test.each([
    ["an empty image", [sidecar("", "/b")], "additional_sidecars[0]: it has no image"],
    ["a blank image", [sidecar("a", "/a"), sidecar("  ", "/b")], "additional_sidecars[1]: it has no image"],
    ["an empty mount path", [sidecar("a", "")], "additional_sidecars[0]: it has no mount path"],
    ["the agent's place", [sidecar("a", "/agent")], "mounted at /agent already"],
    ["a place in other words", [sidecar("a", "//agent/")], "mounted at //agent/ already"],
    ["a place by a detour", [sidecar("a", "/x/../agent/.")], "mounted at /x/../agent/. already"],
    ["a place twice", [sidecar("a", "/a"), sidecar("b", "/a")], "additional_sidecars[1]: another one"],
    ["the root twice", [sidecar("a", "/"), sidecar("b", "//")], "additional_sidecars[1]: another one"],
  ])("with %s are refused as sidecar_prep, by name", (_what, additional, says) => {
    const thrown = (() => {
      try {
        return list("agent:1", ...additional);
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toBeInstanceOf(TaskFailure);
    expect(thrown).toMatchObject({ reason: "sidecar_prep", message: expect.stringContaining(says) });
  });
});
