import { describe, expect, test } from "bun:test";
import { readContainerState } from "../../../../src/backends/docker/engine/container-state.ts";
import type { ContainerState } from "../../../../src/backends/docker/engine/containers.ts";
import { Census } from "../../../../src/backends/docker/ownership/census.ts";
import {
  describeSelf,
  type Owner,
  readOwner,
  writeOwner,
} from "../../../../src/backends/docker/ownership/owner.ts";

const MACHINE = "machine";
const self: Owner = { ...describeSelf("me", ""), machineId: MACHINE };
const gone = { ...self, instanceId: "other", pid: 2 ** 22 - 1 };

/** `containers`: the status of each, by id. Running is told as podman does. */
function lifeOf(owner: Owner | null, containers: Record<string, string> = {}, me = self) {
  const find = async (id: string): Promise<ContainerState | null> => {
    const Status = containers[id];
    if (Status === undefined) return null;
    return readContainerState({ Id: id, State: { Status, ExitCode: 0, Running: Status === "running" } }, id);
  };
  return new Census(me, { find }).lifeOf(owner, AbortSignal.timeout(5_000));
}

describe("an owner", () => {
  test("that is this very process is told as such", async () => {
    expect(await lifeOf(self)).toBe("self");
  });

  test("on this host lives as long as a process with its pid and start time does", async () => {
    expect(await lifeOf({ ...self, instanceId: "other" })).toBe("alive");
    expect(await lifeOf(gone)).toBe("dead");
    expect(await lifeOf({ ...self, instanceId: "other", startedAt: "1" })).toBe("dead");
  });

  test("of before this host was started anew is dead", async () => {
    expect(await lifeOf({ ...gone, bootId: "earlier" })).toBe("dead");
  });

  test("of another host, or of pids that cannot be seen from here, is nobody's to judge", async () => {
    expect(await lifeOf({ ...gone, bootId: "other", machineId: "other" })).toBe("unknown");
    expect(await lifeOf({ ...gone, bootId: "other", machineId: "" }, {}, { ...self, machineId: "" })).toBe(
      "unknown",
    );
    expect(await lifeOf({ ...gone, pidNamespace: "pid:[1]" })).toBe("unknown");
    expect(await lifeOf({ ...gone, bootId: "" })).toBe("unknown");
    expect(await lifeOf(null)).toBe("unknown");
  });

  test("in a container is dead when that is gone or stopped, whatever its pid", async () => {
    const contained = { ...self, instanceId: "other", containerId: "c" };
    expect(await lifeOf(contained)).toBe("dead");
    for (const c of ["created", "configured", "exited", "stopped", "removing", "dead"])
      expect(await lifeOf(contained, { c })).toBe("dead");
    expect(await lifeOf(contained, { c: "running" })).toBe("alive");
  });

  // Once a worker that was started while podman stopped the earlier one, in its grace, took that one's tasks from it.
  test.each(["paused", "stopping"])("in a container that is %s lives", async (c) => {
    expect(await lifeOf({ ...self, instanceId: "other", containerId: "c" }, { c })).toBe("alive");
  });

  test("in this very container is judged by its pid", async () => {
    const me = { ...self, containerId: "c" };
    expect(await lifeOf({ ...gone, containerId: "c" }, { c: "running" }, me)).toBe("dead");
    expect(await lifeOf({ ...me, instanceId: "other" }, { c: "running" }, me)).toBe("alive");
    // The container was stopped and started again: another namespace of pids.
    expect(await lifeOf({ ...me, instanceId: "other", pidNamespace: "pid:[1]" }, { c: "running" }, me)).toBe(
      "dead",
    );
  });
});

describe("an owner's label", () => {
  test("says again who wrote it", () => {
    expect(readOwner("me", writeOwner(self))).toEqual(self);
  });

  test.each([undefined, "", "{", "null", "[]x", "7"])("that is %p is nobody's", (label) => {
    expect(readOwner("me", label)).toBeNull();
  });
});
