/** Deterministic rubbish: good assignments with pieces replaced, dropped, doubled and cut. */
import { describe, expect, test } from "bun:test";
import { type Inbound, parseInbound } from "../../../src/protocol/inbound.ts";
import { buildAgentArgs } from "../../../src/task/agent-args.ts";
import { seededRandom } from "./seeded-random.ts";

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const GOOD: Json = {
  type: "task_assignment",
  data: {
    task_id: "t",
    execution_id: "e",
    docker_image: "image:1",
    sidecar_image: "side:1",
    env_vars: { A: "1", B: "two" },
    additional_sidecars: [{ image: "i", mount_path: "/m", read_write: true }],
    additional_oz_args: ["--x", "y"],
    instance_shape: { vcpus: 2, memory_gb: 4 },
    task: {
      id: "t",
      title: "title",
      task_definition: { prompt: "p" },
      owner: { Type: "TEAM", Id: 1 },
      agent_config_snapshot: {
        environment_id: "env",
        model_id: "m",
        mcp_servers: { s: { url: "u" } },
        computer_use_enabled: true,
        idle_timeout_minutes: 3,
        harness: { type: "claude" },
        inference_providers: { aws: { disabled: false, role_arn: "r", region: "g" } },
        session_sharing: { public_access: "EDITOR" },
        snapshot_upload_timeout_secs: 1,
      },
    },
  },
};

const RUBBISH: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1e308,
  2 ** 53,
  0.1,
  "",
  " ",
  "\ud800",
  "../../etc",
  "x".repeat(70_000),
  "nul\u0000",
  [],
  {},
  [[[[]]]],
  [null, 1, "a", {}],
  { a: { b: { c: null } } },
  JSON.parse('{"__proto__":{"task_id":"p"},"constructor":null,"toString":1}'),
];

function mutate(value: Json, random: () => number): Json {
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
  if (value === null || typeof value !== "object" || random() < 0.05) return pick(RUBBISH) ?? null;
  if (Array.isArray(value)) {
    const index = Math.floor(random() * (value.length + 1));
    return value.toSpliced(index, random() < 0.5 ? 1 : 0, mutate(value[index] ?? null, random));
  }
  const name = pick(Object.keys(value));
  if (name === undefined) return { new: pick(RUBBISH) ?? null };
  const { [name]: old = null, ...rest } = value;
  return random() < 0.1 ? rest : { ...rest, [name]: mutate(old, random) };
}

function requireSound(inbound: Inbound): void {
  switch (inbound.kind) {
    case "ignored":
      expect(inbound.type.length).toBeLessThanOrEqual(100);
      return;
    case "cancellation":
      expect(inbound.taskId).not.toBe("");
      return;
    case "invalid":
      expect(inbound.taskId).not.toBe("");
      expect(inbound.problem).not.toBe("");
      return;
    case "assignment": {
      const settings = { serverRootUrl: "u", sessionSharingServerUrl: null, idleOnComplete: null };
      const { assignment } = inbound;
      for (const arg of buildAgentArgs(assignment, settings)) {
        expect(typeof arg).toBe("string");
        if (!assignment.taskId.includes("\0")) expect(arg).not.toContain("\0");
      }
      for (const [name, value] of Object.entries(assignment.envVars)) {
        expect(`${name}${value}`).not.toContain("\0");
        expect(name).not.toContain("=");
      }
      return;
    }
    default:
      inbound satisfies never;
  }
}

describe("whatever arrives", () => {
  test("2,000 assignments with one to four pieces changed become one of the four kinds, and none throws", () => {
    const random = seededRandom(20260101);
    const kinds = new Map<string, number>();
    for (let round = 0; round < 2_000; round++) {
      let message: Json = GOOD;
      for (let changes = 1 + Math.floor(random() * 4); changes > 0; changes--)
        message = mutate(message, random);
      const inbound = parseInbound(JSON.stringify(message));
      requireSound(inbound);
      kinds.set(inbound.kind, (kinds.get(inbound.kind) ?? 0) + 1);
    }
    // Rubbish that is all refused at the door would have tested nothing behind it.
    expect(kinds.get("assignment") ?? 0).toBeGreaterThan(100);
    expect(kinds.get("invalid") ?? 0).toBeGreaterThan(200);
  });

  test("2,000 texts with characters cut, doubled and replaced do not throw either", () => {
    const random = seededRandom(7);
    const good = JSON.stringify(GOOD);
    for (let round = 0; round < 2_000; round++) {
      const from = Math.floor(random() * good.length);
      const to = from + Math.floor(random() * 40);
      const filler =
        ["", '"', "\\", "{", "\u0000", good.slice(from, to), "1e999", "\\ud800"][round % 8] ?? "";
      requireSound(parseInbound(good.slice(0, from) + filler + good.slice(to)));
    }
  });

  test("a 5 MB prompt and an environment of 10,000 variables are read", () => {
    const env_vars = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`V${n}`, "x"]));
    const task = { task_definition: { prompt: "p".repeat(5_000_000) } };
    const inbound = parseInbound(
      JSON.stringify({ type: "task_assignment", data: { task_id: "t", task, env_vars } }),
    );
    expect(inbound.kind).toBe("assignment");
    if (inbound.kind === "assignment") expect(Object.keys(inbound.assignment.envVars)).toHaveLength(10_000);
  });
});
