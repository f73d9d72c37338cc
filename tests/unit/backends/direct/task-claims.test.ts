import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { TaskClaims } from "../../../../src/backends/direct/task-claims.ts";
import { identify } from "../../../../src/process/process-table.ts";
import { TempDir } from "../../../support/temp-dir.ts";

/** As another worker would have written it. */
function claimOf(pid: number, dir: string, startedAt = identify(pid)?.startedAt): string {
  return [pid, startedAt, identify(process.pid)?.bootId, dir].join("|");
}

async function rig() {
  const dir = await TempDir.create("claims");
  mkdirSync(dir.join("claims"));
  return {
    claims: new TaskClaims(() => dir.join("exits")),
    names: () => readdirSync(dir.join("claims")),
    textOf: (name: string) => readlinkSync(dir.join("claims", name)),
    make: (name: string, text: string) => symlinkSync(text, dir.join("claims", name)),
    dir,
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

describe("a task", () => {
  test("that nobody has is had until it is let go of", async () => {
    await using at = await rig();
    const claim = at.claims.take("t", "/ws/t");
    expect([claim.kind, at.textOf("t")]).toEqual(["had", claimOf(process.pid, "/ws/t")]);
    claim[Symbol.dispose]();
    expect(at.names()).toEqual([]);
  });

  test("that another process has, which lives, is not had, and stays with that", async () => {
    await using at = await rig();
    at.make("t", claimOf(process.ppid, "/elsewhere|/t"));
    const claim = at.claims.take("t", "/ws/t");
    expect(claim).toMatchObject({ kind: "taken", dir: "/elsewhere|/t" });
    claim[Symbol.dispose]();
    expect(at.textOf("t")).toBe(claimOf(process.ppid, "/elsewhere|/t"));
  });

  test.each([
    ["of a dead process", claimOf(2 ** 22 + 1, "/ws/t", "1")],
    ["of an earlier process with the pid of a living one", claimOf(process.ppid, "/ws/t", "1")],
    ["of its own that could not be removed", claimOf(process.pid, "/old/t")],
    ["that says nothing", "?"],
  ])("with a claim %s is taken over", async (_whose, text) => {
    await using at = await rig();
    at.make("t", text);
    using claim = at.claims.take("t", "/ws/t");
    expect([claim.kind, at.textOf("t"), at.names()]).toEqual(["had", claimOf(process.pid, "/ws/t"), ["t"]]);
  });

  test("that somebody took over meanwhile is not taken from them by letting go of it", async () => {
    await using at = await rig();
    const claim = at.claims.take("t", "/ws/t");
    rmSync(at.dir.join("claims/t"));
    at.make("t", claimOf(process.ppid, "/ws/t"));
    claim[Symbol.dispose]();
    expect(at.names()).toEqual(["t"]);
  });

  test.each(["..", "a/b", "ü".repeat(80), "\ud800"])("has one file, whatever its id: %p", async (id) => {
    await using at = await rig();
    using first = at.claims.take(id, "/ws");
    using second = at.claims.take(`${id}2`, "/ws");
    expect([first.kind, second.kind, at.names().length]).toEqual(["had", "had", 2]);
  });

  test("is had where there is no state folder, and where that cannot be written", async () => {
    await using at = await rig();
    using without = new TaskClaims(() => null).take("t", "/ws/t");
    await at.dir.write("file", "");
    using impossible = new TaskClaims(() => at.dir.join("file", "exits")).take("t", "/ws/t");
    expect([without.kind, impossible.kind]).toEqual(["had", "had"]);
  });
});
