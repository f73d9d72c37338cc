import { describe, expect, test } from "bun:test";
import { type AgentArgsSettings, buildAgentArgs } from "../../../src/task/agent-args.ts";
import { type SampleFields, sampleAssignment } from "./sample-assignment.ts";

const SETTINGS: AgentArgsSettings = {
  serverRootUrl: "https://app.warp.dev",
  sessionSharingServerUrl: null,
  idleOnComplete: null,
};
const HEAD = ["agent", "run", "--task-id", "t-1", "--sandboxed", "--server-root-url", "https://app.warp.dev"];
const TAIL = ["--idle-on-complete"];

const argsOf = (fields: SampleFields, settings: Partial<AgentArgsSettings> = {}) =>
  buildAgentArgs(sampleAssignment(fields), { ...SETTINGS, ...settings });

describe("without a snapshot", () => {
  test.each<[string, SampleFields, Partial<AgentArgsSettings>, string[]]>([
    ["nothing is set", {}, {}, [...HEAD, ...TAIL]],
    [
      "the team owns it",
      { ownedByTeam: true },
      {},
      ["agent", "run", "--share", "team:edit", ...HEAD.slice(2), ...TAIL],
    ],
    ["the worker has an idle time", {}, { idleOnComplete: "45m" }, [...HEAD, "--idle-on-complete", "45m"]],
    ["the worker's idle time is none", {}, { idleOnComplete: "0s" }, [...HEAD, "--idle-on-complete", "0s"]],
    [
      "sessions are shared over another server",
      {},
      { sessionSharingServerUrl: "ws://s" },
      [...HEAD, ...TAIL, "--session-sharing-server-url", "ws://s"],
    ],
    [
      "the server adds arguments",
      { additionalOzArgs: ["--x", "a b", "", "$(reboot)"] },
      { sessionSharingServerUrl: "ws://s" },
      [...HEAD, "--x", "a b", "", "$(reboot)", ...TAIL, "--session-sharing-server-url", "ws://s"],
    ],
  ])("when %s", (_when, fields, settings, expected) => {
    expect(argsOf(fields, settings)).toEqual(expected);
  });

  test("the id is the inner task's", () => {
    const task = { id: "inner", title: "", ownedByTeam: false, snapshot: null };
    expect(argsOf({ task })).toEqual(["agent", "run", "--task-id", "inner", ...HEAD.slice(4), ...TAIL]);
  });
});

describe("a snapshot", () => {
  test.each<[string, NonNullable<SampleFields["snapshot"]>, string[]]>([
    ["with nothing in it", {}, ["--computer-use"]],
    ["with a model, harness absent", { modelId: "m" }, ["--model", "m", "--computer-use"]],
    [
      "with a model, harness oz",
      { modelId: "m", harness: "oz" },
      ["--model", "m", "--computer-use", "--harness", "oz"],
    ],
    [
      "with a model, harness claude",
      { modelId: "m", harness: "claude" },
      ["--no-computer-use", "--harness", "claude"],
    ],
    [
      "with harness Oz, which is another one",
      { modelId: "m", harness: "Oz" },
      ["--no-computer-use", "--harness", "Oz"],
    ],
    ["with a profile", { profileId: "p" }, ["--profile", "p", "--computer-use"]],
    ["with a skill", { skillSpec: "s" }, ["--skill", "s", "--computer-use"]],
    [
      "with an MCP server",
      { mcpServers: { a: { url: "u" } } },
      ["--mcp", '{"a":{"url":"u"}}', "--computer-use"],
    ],
    ["with no MCP server", { mcpServers: {} }, ["--computer-use"]],
    ["with computer use off", { computerUseEnabled: false }, ["--no-computer-use"]],
    [
      "with computer use on in a foreign harness",
      { computerUseEnabled: true, harness: "codex" },
      ["--computer-use", "--harness", "codex"],
    ],
    ["with a Bedrock role", { bedrockRole: "r" }, ["--computer-use", "--bedrock-inference-role", "r"]],
    [
      "with a Bedrock role and region",
      { bedrockRole: "r", bedrockRegion: "g" },
      ["--computer-use", "--bedrock-inference-role", "r", "--bedrock-role-region", "g"],
    ],
    ["with a region and no role", { bedrockRegion: "g" }, ["--computer-use"]],
    ["open to viewers", { publicAccess: "VIEWER" }, ["--computer-use", "--share", "public:view"]],
    ["open to editors", { publicAccess: "EDITOR" }, ["--computer-use", "--share", "public:edit"]],
    ["open to an unknown kind", { publicAccess: "OWNER" }, ["--computer-use"]],
    ["open to viewers in small letters, which is unknown", { publicAccess: "viewer" }, ["--computer-use"]],
    ["with snapshots off", { snapshotDisabled: true }, ["--computer-use", "--no-snapshot"]],
    [
      "with an upload timeout",
      { snapshotUploadTimeoutSecs: 30 },
      ["--computer-use", "--snapshot-upload-timeout", "30s"],
    ],
    [
      "with a script timeout",
      { snapshotScriptTimeoutSecs: 7 },
      ["--computer-use", "--snapshot-script-timeout", "7s"],
    ],
    ["with an environment", { environmentId: "e" }, ["--computer-use", "--environment", "e"]],
  ])("%s", (_what, snapshot, expected) => {
    expect(argsOf({ snapshot })).toEqual([...HEAD, ...expected, ...TAIL]);
  });

  test.each([
    [5, "10m", ["--idle-on-complete", "5m"]],
    [1, "10m", ["--idle-on-complete", "1m"]],
    [0, "10m", ["--idle-on-complete", "10m"]],
    [0, null, ["--idle-on-complete"]],
  ] as const)(
    "with %p idle minutes on a worker with %p passes %j",
    (idleTimeoutMinutes, idleOnComplete, tail) => {
      expect(argsOf({ snapshot: { idleTimeoutMinutes } }, { idleOnComplete }).slice(HEAD.length + 1)).toEqual(
        [...tail],
      );
    },
  );

  test("of everything comes in the agent's order", () => {
    const snapshot = {
      environmentId: "env",
      modelId: "m",
      profileId: "p",
      skillSpec: "s",
      mcpServers: { a: {} },
      computerUseEnabled: false,
      idleTimeoutMinutes: 9,
      harness: "oz",
      bedrockRole: "r",
      bedrockRegion: "g",
      publicAccess: "EDITOR",
      snapshotDisabled: true,
      snapshotUploadTimeoutSecs: 1,
      snapshotScriptTimeoutSecs: 2,
    };
    const args = argsOf(
      { ownedByTeam: true, snapshot, additionalOzArgs: ["--last", "one"] },
      { idleOnComplete: "1h", sessionSharingServerUrl: "ws://s" },
    );
    expect(args.join(" ")).toBe(
      "agent run --share team:edit --task-id t-1 --sandboxed --server-root-url https://app.warp.dev " +
        '--model m --profile p --skill s --mcp {"a":{}} --no-computer-use ' +
        "--bedrock-inference-role r --bedrock-role-region g --harness oz --share public:edit --no-snapshot " +
        "--snapshot-upload-timeout 1s --snapshot-script-timeout 2s --environment env " +
        "--last one --idle-on-complete 9m --session-sharing-server-url ws://s",
    );
  });
});
