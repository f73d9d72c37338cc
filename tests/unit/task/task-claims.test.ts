import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { identify } from "../../../src/process/process-table.ts";
import { TaskClaims } from "../../../src/task/claims/task-claims.ts";
import { TempDir } from "../../support/temp-dir.ts";

/** As another worker would have written it. */
function claimOf(pid: number, place: string, startedAt = identify(pid)?.startedAt): string {
  return [pid, startedAt, identify(process.pid)?.bootId, place].join("|");
}

const DEAD = claimOf(2 ** 22 + 1, "/ws/", "1");

async function rig() {
  const dir = await TempDir.create("claims");
  mkdirSync(dir.join("claims"));
  const names = () => readdirSync(dir.join("claims"));
  return {
    claims: new TaskClaims(() => dir.join("claims")),
    tasks: () => names().filter((name) => !name.includes("+")),
    cards: () => names().filter((name) => name.includes("+")),
    textOf: (name: string) => readFileSync(dir.join("claims", name), "utf8"),
    make: (name: string, text: string) => writeFileSync(dir.join("claims", name), text),
    dir,
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

describe("a task", () => {
  test("that nobody has is had until it is let go of", async () => {
    await using at = await rig();
    const claim = at.claims.take("t", "/ws/t");
    expect([claim.kind, at.textOf("t")]).toEqual(["had", claimOf(process.pid, "/ws/")]);
    claim[Symbol.dispose]();
    expect(at.tasks()).toEqual([]);
  });

  test.each([
    ["in a folder of its own", "/else|where/", "/else|where/t"],
    ["in the folder of all", "/target", "/target"],
  ])(
    "that another process has %s, which lives, is not had, and stays with that",
    async (_place, place, dir) => {
      await using at = await rig();
      at.make("t", claimOf(process.ppid, place));
      const claim = at.claims.take("t", "/ws/t");
      expect(claim).toMatchObject({ kind: "taken", dir });
      claim[Symbol.dispose]();
      expect(at.textOf("t")).toBe(claimOf(process.ppid, place));
    },
  );

  test.each([
    ["of a dead process", DEAD],
    ["of an earlier process with the pid of a living one", claimOf(process.ppid, "/ws/", "1")],
    ["of its own that could not be removed", claimOf(process.pid, "/old/")],
    ["that says nothing", "?"],
  ])("with a claim %s is taken over", async (_whose, text) => {
    await using at = await rig();
    using _before = at.claims.take("before", "/ws/before");
    at.make("t", text);
    using claim = at.claims.take("t", "/ws/t");
    expect([claim.kind, at.textOf("t")]).toEqual(["had", claimOf(process.pid, "/ws/")]);
    expect([at.tasks().toSorted(), at.cards().length]).toEqual([["before", "t"], 1]);
  });

  test("that somebody took over meanwhile is not taken from them by letting go of it", async () => {
    await using at = await rig();
    const claim = at.claims.take("t", "/ws/t");
    rmSync(at.dir.join("claims/t"));
    at.make("t", claimOf(process.ppid, "/ws/"));
    claim[Symbol.dispose]();
    expect(at.tasks()).toEqual(["t"]);
  });

  test.each(["..", "a/b", "ü".repeat(80), "\ud800"])("has one file, whatever its id: %p", async (id) => {
    await using at = await rig();
    using first = at.claims.take(id, "/ws");
    using second = at.claims.take(`${id}2`, "/ws");
    expect([first.kind, second.kind, at.tasks().length]).toEqual(["had", "had", 2]);
  });

  test("is had where there is no state folder, and where that cannot be written", async () => {
    await using at = await rig();
    using without = new TaskClaims(() => null).take("t", "/ws/t");
    await at.dir.write("file", "");
    using impossible = new TaskClaims(() => at.dir.join("file", "claims")).take("t", "/ws/t");
    expect([without.kind, impossible.kind]).toEqual(["had", "had"]);
  });

  test.each(["claims", "claims/CARD"])("is claimed as before when a cleaner took %s", async (taken) => {
    await using at = await rig();
    using _first = at.claims.take("first", "/ws/first");
    rmSync(at.dir.join(taken.replace("CARD", at.cards()[0] ?? "")), { recursive: true });
    using second = at.claims.take("second", "/ws/second");
    expect([second.kind, at.textOf("second")]).toEqual(["had", claimOf(process.pid, "/ws/")]);
  });
});

test("what dead workers left goes when it is swept, and what living ones have stays", async () => {
  await using at = await rig();
  for (const name of ["+worker-1", "old", "older+anew"]) at.make(name, DEAD);
  for (const name of ["+worker-2", "theirs", "t+anew"]) at.make(name, claimOf(process.ppid, "/ws/"));
  at.claims.sweep();
  expect(at.tasks()).toEqual(["theirs"]);
  expect(at.cards().toSorted()).toEqual(["+worker-2", "t+anew"]);
});

test("nothing is swept where there is nothing, or no folder", async () => {
  await using at = await rig();
  rmSync(at.dir.join("claims"), { recursive: true });
  expect(() => at.claims.sweep()).not.toThrow();
  expect(() => new TaskClaims(() => null).sweep()).not.toThrow();
});

describe("a task of a dead worker that another one has begun anew", () => {
  async function begunAnew() {
    const at = await rig();
    at.make("t", DEAD);
    at.claims.take("t", "/ws/t")[Symbol.dispose]();
    return at;
  }
  /** As the worker that has it would have written that. */
  const theirs = claimOf(process.ppid, "/ws/");

  test("is let go of with a note, which goes with the worker", async () => {
    await using at = await begunAnew();
    expect([at.tasks(), at.textOf("t+anew")]).toEqual([[], claimOf(process.pid, "/ws/")]);
    at.claims[Symbol.dispose]();
    expect([...at.tasks(), ...at.cards()]).toEqual([]);
  });

  test("is left to that one by the dead one's successor, for as long as it lives", async () => {
    await using at = await rig();
    at.make("t+anew", theirs);
    expect(at.claims.inherit("t", "/ws/t")).toMatchObject({ kind: "taken", dir: "/ws/t" });
    at.make("t+anew", DEAD);
    expect(at.claims.inherit("t", "/ws/t").kind).toBe("had");
  });

  // What was begun after that is another matter: its own worker may be killed in turn.
  test("is nobody's any more once somebody is given it again, and noted again after that", async () => {
    await using at = await rig();
    at.make("t+anew", theirs);
    const claim = at.claims.take("t", "/ws/t");
    expect([claim.kind, at.tasks(), at.cards().length]).toEqual(["had", ["t"], 1]);
    claim[Symbol.dispose]();
    expect(at.textOf("t+anew")).toBe(claimOf(process.pid, "/ws/"));
  });

  test("is not noted by a successor, which knows how it ended", async () => {
    await using at = await rig();
    at.make("t", DEAD);
    at.claims.inherit("t", "/ws/t")[Symbol.dispose]();
    expect([at.tasks(), at.cards().length]).toEqual([[], 1]);
  });
});

test("a worker that ends leaves nothing", async () => {
  await using at = await rig();
  at.claims.take("t", "/ws/t")[Symbol.dispose]();
  at.claims.take("u", "/target")[Symbol.dispose]();
  at.claims[Symbol.dispose]();
  expect([...at.tasks(), ...at.cards()]).toEqual([]);
});

/** It is let go of last, with the shim after it: a throw here was an exit status of 1 for a stop that went well. */
test("a worker whose state folder is none any more ends all the same", async () => {
  await using at = await rig();
  using _claim = at.claims.take("t", "/ws/t");
  rmSync(at.dir.join("claims"), { recursive: true });
  await at.dir.write("claims", "");
  expect(() => at.claims[Symbol.dispose]()).not.toThrow();
});

test("whose worker is gone is told from one that nobody has, or a living worker", async () => {
  await using at = await rig();
  at.make("dead", DEAD);
  at.make("living", claimOf(process.ppid, "/ws/"));
  at.make("none", "no claim");
  using _own = at.claims.take("own", "/ws/own");
  const names = ["dead", "living", "none", "own", "nobody"];
  expect(names.filter((name) => at.claims.isOfDead(name))).toEqual(["dead"]);
  expect(new TaskClaims(() => null).isOfDead("dead")).toBe(false);
});

// Once it stayed for good: what is empty tells of nobody, dead or alive.
test("the file of a worker that was killed before it had written who it is goes when it is swept", async () => {
  await using at = await rig();
  at.make("+worker-killed", "");
  using _own = at.claims.take("own", "/ws/own");
  at.claims.sweep();
  expect([at.tasks(), at.cards()]).toEqual([["own"], [expect.not.stringContaining("killed")]]);
});
