import { describe, expect, test } from "bun:test";
import type { Assignment } from "../../../src/protocol/assignment.ts";
import { type Inbound, parseInbound } from "../../../src/protocol/inbound.ts";

type Json = Readonly<Record<string, unknown>>;

const frame = (type: unknown, data: unknown) => JSON.stringify({ type, data });
const parse = (data: unknown) => parseInbound(frame("task_assignment", data));
const withField = (name: string, value: unknown, more: object = {}) =>
  parse({ task_id: "t", task: {}, ...more, [name]: value });
const withTask = (task: Json) => parse({ task_id: "t", task });
const withSnapshot = (snapshot: Json) => withTask({ agent_config_snapshot: snapshot });

function assignmentOf(inbound: Inbound): Assignment {
  if (inbound.kind !== "assignment") throw new Error(`is ${JSON.stringify(inbound)}`);
  return inbound.assignment;
}
const misreadOf = (inbound: Inbound) => (inbound.kind === "assignment" ? inbound.misread : inbound.kind);

const BARE: Assignment = {
  taskId: "t",
  executionId: "",
  dockerImage: "",
  sidecarImage: "",
  envVars: {},
  additionalSidecars: [],
  additionalOzArgs: [],
  instanceShape: { vcpus: 0, memoryGb: 0 },
  task: { id: "t", title: "", ownedByTeam: false, snapshot: null },
  imageProblem: null,
  taskAsReceived: {},
};

const BARE_SNAPSHOT = {
  environmentId: "",
  modelId: "",
  profileId: "",
  skillSpec: "",
  mcpServers: {},
  computerUseEnabled: null,
  idleTimeoutMinutes: 0,
  harness: "",
  bedrockRole: "",
  bedrockRegion: "",
  publicAccess: "",
  snapshotDisabled: false,
  snapshotUploadTimeoutSecs: 0,
  snapshotScriptTimeoutSecs: 0,
};

describe("frames that are no message", () => {
  const FRAMES: [string, string][] = [
    ["", "the frame is not a JSON object"],
    ["{", "the frame is not a JSON object"],
    ["null", "the frame is not a JSON object"],
    ["[]", "the frame is not a JSON object"],
    ['"task_assignment"', "the frame is not a JSON object"],
    ["12", "the frame is not a JSON object"],
    ["\u0000\u0001\ufffd", "the frame is not a JSON object"],
    [`${"[".repeat(200_000)}`, "the frame is not a JSON object"],
    [`${"[".repeat(100_000)}${"]".repeat(100_000)}`, "the frame is not a JSON object"],
    ["{}", "type is not a string"],
    ['{"type":null}', "type is not a string"],
    ['{"type":["task_assignment"],"data":{"task_id":"t"}}', "type is not a string"],
    ['{"type":"task_assignment"}', "data is not an object"],
    ['{"type":"task_assignment","data":null}', "data is not an object"],
    ['{"type":"task_assignment","data":[]}', "data is not an object"],
    ['{"type":"task_assignment","data":"x"}', "data is not an object"],
    ['{"type":"task_assignment","data":{}}', "data.task_id is not a string with something in it"],
    [
      '{"type":"task_assignment","data":{"task_id":null}}',
      "data.task_id is not a string with something in it",
    ],
    ['{"type":"task_assignment","data":{"task_id":""}}', "data.task_id is not a string with something in it"],
    ['{"type":"task_assignment","data":{"task_id":7}}', "data.task_id is not a string with something in it"],
    ['{"type":"task_cancellation","data":null}', "data is not an object"],
    [
      '{"type":"task_cancellation","data":{"task_id":{}}}',
      "data.task_id is not a string with something in it",
    ],
    [
      '{"type":"task_assignment","data":{"__proto__":{"task_id":"t","task":{}}}}',
      "data.task_id is not a string with something in it",
    ],
  ];

  test.each(FRAMES.map(([text, problem]) => [text.slice(0, 60), problem, text]))(
    "%j is nobody's: %s",
    (_start, problem, text = "") => {
      expect(parseInbound(text)).toEqual({
        kind: "invalid",
        taskId: null,
        executionId: "",
        problem: problem ?? "",
      });
    },
  );
});

describe("other messages", () => {
  test("a cancellation needs its task id only", () => {
    expect(parseInbound(frame("task_cancellation", { task_id: "t", more: [1] }))).toEqual({
      kind: "cancellation",
      taskId: "t",
    });
  });

  test.each([["task_paused"], [""], ["__proto__"], ["constructor"], ["Task_Assignment"]])(
    "a message of the unknown type %j is skipped, whatever is in it",
    (type) => {
      for (const data of [null, undefined, { task_id: "t" }, 3])
        expect(parseInbound(frame(type, data))).toEqual({ kind: "ignored", type });
    },
  );

  test("the name of an unknown type is cut before it reaches the log", () => {
    expect(parseInbound(frame("x".repeat(5_000_000), null))).toEqual({
      kind: "ignored",
      type: "x".repeat(100),
    });
  });
});

describe("an assignment", () => {
  test("of the least that there can be has every default", () => {
    expect(parse({ task_id: "t", task: {} })).toEqual({ kind: "assignment", assignment: BARE, misread: [] });
  });

  test("with every optional field null is the same", () => {
    const nothing = { execution_id: null, docker_image: null, sidecar_image: null, env_vars: null };
    const lists = { additional_sidecars: null, additional_oz_args: null, instance_shape: null };
    const task = { id: null, title: null, owner: null, agent_config_snapshot: null, task_definition: null };
    expect(parse({ task_id: "t", ...nothing, ...lists, task })).toEqual({
      kind: "assignment",
      assignment: { ...BARE, taskAsReceived: task },
      misread: [],
    });
  });

  test("of everything is read in our own names, trimmed", () => {
    const task = { id: "inner", title: " T ", owner: { Type: "TEAM", Id: 3 }, unknown: { a: 1 } };
    const inbound = parse({
      task_id: "t",
      execution_id: " e ",
      docker_image: " img ",
      sidecar_image: "side",
      env_vars: { A: "1", EMPTY: "", SPACE: " x ", NUM: 3, BIG: 1e21, YES: true, NONE: null },
      additional_sidecars: [{ image: "i", mount_path: "/m", read_write: true }, { image: null }, {}],
      additional_oz_args: ["--a", "", " b "],
      instance_shape: { vcpus: 1.5, memory_gb: 4 },
      task,
      unknown: "field",
    });
    expect(inbound).toEqual({
      kind: "assignment",
      misread: [],
      assignment: {
        taskId: "t",
        executionId: "e",
        dockerImage: "img",
        imageProblem: null,
        sidecarImage: "side",
        envVars: { A: "1", EMPTY: "", SPACE: " x ", NUM: "3", BIG: "1e+21", YES: "true" },
        additionalSidecars: [
          { image: "i", mountPath: "/m", readWrite: true },
          { image: "", mountPath: "", readWrite: false },
          { image: "", mountPath: "", readWrite: false },
        ],
        additionalOzArgs: ["--a", "", " b "],
        instanceShape: { vcpus: 1.5, memoryGb: 4 },
        task: { id: "inner", title: "T", ownedByTeam: true, snapshot: null },
        taskAsReceived: task,
      },
    });
  });

  test.each([
    ["execution_id", 7, "executionId"],
    ["execution_id", "a\u0000b", "executionId"],
    ["execution_id", ["e"], "executionId"],
    ["instance_shape", 2, "instanceShape"],
    ["instance_shape", [], "instanceShape"],
  ] as const)("with %s %j runs without it, and says so", (name, value, key) => {
    const inbound = withField(name, value);
    expect(assignmentOf(inbound)[key]).toEqual(BARE[key]);
    expect(misreadOf(inbound)).toEqual([name]);
  });

  test.each([
    [{ vcpus: "2", memory_gb: 1 }, { vcpus: 0, memoryGb: 1 }, ["instance_shape.vcpus"]],
    [{ vcpus: -1, memory_gb: 0 }, { vcpus: 0, memoryGb: 0 }, []],
    [{ vcpus: 0.25 }, { vcpus: 0.25, memoryGb: 0 }, []],
    [{ memory_gb: null, vcpus: {} }, { vcpus: 0, memoryGb: 0 }, ["instance_shape.vcpus"]],
  ] as const)("with instance_shape %j has %j", (shape, expected, misread) => {
    const inbound = withField("instance_shape", shape);
    expect(assignmentOf(inbound).instanceShape).toEqual(expected);
    expect(misreadOf(inbound)).toEqual([...misread]);
  });

  // Once: 1e999 is Infinity in JSON.parse, and goes on as a number of cores.
  test("with a number of cores beyond all numbers has no limit on that axis, and says so", () => {
    const inbound = parseInbound(
      '{"type":"task_assignment","data":{"task_id":"t","task":{},"instance_shape":{"vcpus":1e999}}}',
    );
    expect(assignmentOf(inbound).instanceShape.vcpus).toBe(0);
    expect(misreadOf(inbound)).toEqual(["instance_shape.vcpus"]);
  });

  test.each([
    ["task", undefined, "task is not an object"],
    ["task", null, "task is not an object"],
    ["task", "x", "task is not an object"],
    ["task", [], "task is not an object"],
    ["env_vars", [], "env_vars is not an object"],
    ["env_vars", "A=1", "env_vars is not an object"],
    ["env_vars", { A: {} }, "env_vars.A is not a string"],
    ["env_vars", { A: ["x"] }, "env_vars.A is not a string"],
    ["env_vars", { A: "x\u0000y" }, "env_vars.A has a NUL character"],
    ["env_vars", { "": "x" }, "env_vars has a name that no environment can hold"],
    ["env_vars", { "A=B": "x" }, "env_vars has a name that no environment can hold"],
    ["env_vars", { "A\u0000": "x" }, "env_vars has a name that no environment can hold"],
    ["additional_oz_args", "--a", "additional_oz_args is not a list"],
    ["additional_oz_args", {}, "additional_oz_args is not a list"],
    ["additional_oz_args", ["a", 1], "additional_oz_args[1] is not a string"],
    ["additional_oz_args", [null], "additional_oz_args[0] is not a string"],
    ["additional_oz_args", ["a\u0000"], "additional_oz_args[0] has a NUL character"],
  ] as const)(
    "whose %s is %j is refused by name: without it the task would be another one",
    (name, value, problem) => {
      const named = withField(name, value, { execution_id: "e" });
      expect(named).toEqual({ kind: "invalid", taskId: "t", executionId: "e", problem });
    },
  );

  test.each([
    ["docker_image", 7, "docker_image", "is not a string"],
    ["sidecar_image", {}, "sidecar_image", "is not a string"],
    ["additional_sidecars", {}, "additional_sidecars", "is not a list"],
    ["additional_sidecars", [null], "additional_sidecars[0]", "is not an object"],
    [
      "additional_sidecars",
      [{ image: 1 }],
      "additional_sidecars[0]",
      "has an image or mount_path that is not a string",
    ],
    [
      "additional_sidecars",
      [{}, { mount_path: [] }],
      "additional_sidecars[1]",
      "has an image or mount_path that is not a string",
    ],
  ] as const)("whose %s is %j is for a backend to refuse that uses images", (name, value, field, why) => {
    const inbound = withField(name, value);
    expect(assignmentOf(inbound)).toEqual({ ...BARE, imageProblem: `${field} ${why}` });
    expect(misreadOf(inbound)).toEqual([field]);
  });

  test("takes numbers among its variables with the digits that they came in", () => {
    const variables = '{"ID":12345678901234567890,"RATE":1.0,"N":-0,"PORT":80,"ON":true,"TEXT":"1.0"}';
    const text = `{"type":"task_assignment","data":{"task_id":"t","task":{},"env_vars":${variables}}}`;
    expect(assignmentOf(parseInbound(text)).envVars).toEqual({
      ...{ ID: "12345678901234567890", RATE: "1.0", N: "-0", PORT: "80", ON: "true", TEXT: "1.0" },
    });
  });

  test("is refused without a word of what its environment holds", () => {
    const inbound = withField("env_vars", { SECRET: ["hunter2"], "bad=hunter3": "hunter4" });
    expect(JSON.stringify(inbound)).not.toContain("hunter");
  });

  test("hands on the numbers of its MCP servers with the digits that they came in", () => {
    const servers = '{"a":{"id":12345678901234567890,"rate":1.0}}';
    const text = `{"type":"task_assignment","data":{"task_id":"t","task":{"agent_config_snapshot":{"idle_timeout_minutes":2.0,"mcp_servers":${servers}}}}}`;
    const { task } = assignmentOf(parseInbound(text));
    expect(JSON.stringify(task.snapshot?.mcpServers)).toBe(servers);
    expect(task.snapshot?.idleTimeoutMinutes).toBe(2);
  });

  test("with keys named __proto__ and constructor keeps them as data and touches no prototype", () => {
    const text = `{"type":"task_assignment","data":{"task_id":"t","__proto__":{"docker_image":"evil"},
      "env_vars":{"__proto__":"p","constructor":"c"},
      "task":{"__proto__":{"title":"evil"},"agent_config_snapshot":{"__proto__":{"model_id":"evil"},
      "mcp_servers":{"__proto__":{"x":1}}}}}}`;
    const assignment = assignmentOf(parseInbound(text));
    expect(Object.entries(assignment.envVars)).toEqual([
      ["__proto__", "p"],
      ["constructor", "c"],
    ]);
    expect(assignment.dockerImage).toBe("");
    expect(assignment.task.title).toBe("");
    expect(assignment.task.snapshot?.modelId).toBe("");
    expect(JSON.stringify(assignment.task.snapshot?.mcpServers)).toBe('{"__proto__":{"x":1}}');
    expect("x" in {}).toBe(false);
  });
});

describe("the task inside", () => {
  test.each([
    [{}, "t"],
    [{ id: "" }, "t"],
    [{ id: "  " }, "t"],
    [{ id: 5 }, "t"],
    [{ id: "own" }, "own"],
    [{ id: " own " }, " own "],
  ])("%j has the id %s", (task, id) => {
    expect(assignmentOf(withTask(task)).task.id).toBe(id);
  });

  test.each([
    [{ Type: "TEAM", Id: 1 }, true, []],
    [{ Type: "USER" }, false, []],
    [{ Type: "team" }, false, []],
    [{ type: "TEAM" }, false, []],
    [{ Type: " TEAM " }, false, []],
    [{}, false, []],
    ["TEAM", false, ["task.owner"]],
    [{ Type: ["TEAM"] }, false, ["task.owner.Type"]],
  ])("whose owner is %j is the team's: %p", (owner, ownedByTeam, misread) => {
    const inbound = withTask({ owner });
    expect(assignmentOf(inbound).task.ownedByTeam).toBe(ownedByTeam);
    expect(misreadOf(inbound)).toEqual(misread);
  });

  test.each([["x"], [1], [[]], [true]])("whose snapshot is %j has none", (snapshot) => {
    const inbound = withTask({ agent_config_snapshot: snapshot });
    expect(assignmentOf(inbound).task.snapshot).toBeNull();
  });
});

describe("a snapshot", () => {
  test("with nothing in it is there, all defaults", () => {
    const inbound = withSnapshot({});
    expect(assignmentOf(inbound).task.snapshot).toEqual(BARE_SNAPSHOT);
    expect(misreadOf(inbound)).toEqual([]);
  });

  const SCALARS = [
    ["environment_id", "environmentId", " e ", "e"],
    ["model_id", "modelId", "m\t", "m"],
    ["profile_id", "profileId", "p", "p"],
    ["skill_spec", "skillSpec", "s", "s"],
    ["computer_use_enabled", "computerUseEnabled", false, false],
    ["computer_use_enabled", "computerUseEnabled", true, true],
    ["idle_timeout_minutes", "idleTimeoutMinutes", 5, 5],
    ["idle_timeout_minutes", "idleTimeoutMinutes", 5.9, 5],
    ["idle_timeout_minutes", "idleTimeoutMinutes", -5, 0],
    ["snapshot_disabled", "snapshotDisabled", true, true],
    ["snapshot_upload_timeout_secs", "snapshotUploadTimeoutSecs", 30, 30],
    ["snapshot_script_timeout_secs", "snapshotScriptTimeoutSecs", 40, 40],
    ["mcp_servers", "mcpServers", { a: { deep: [1, null] } }, { a: { deep: [1, null] } }],
  ] as const;

  test.each(SCALARS)("reads %s as %s: %j", (name, key, value, expected) => {
    const inbound = withSnapshot({ [name]: value });
    expect(assignmentOf(inbound).task.snapshot).toEqual({ ...BARE_SNAPSHOT, [key]: expected });
    expect(misreadOf(inbound)).toEqual([]);
  });

  test.each(SCALARS)("whose %s is of a wrong type costs that field only", (name) => {
    const wrong =
      name.endsWith("id") || name === "skill_spec" ? [1, [], {}, true, "a\u0000"] : ["1", [], "x"];
    for (const value of wrong) {
      const inbound = withSnapshot({ [name]: value });
      expect(assignmentOf(inbound).task.snapshot).toEqual(BARE_SNAPSHOT);
      expect(misreadOf(inbound)).toEqual([`task.agent_config_snapshot.${name}`]);
    }
  });

  // Once such an assignment held up everything for ten seconds, or failed with "Maximum call stack size exceeded".
  test.each([
    [999, false],
    [1_000, true],
    [100_000, true],
  ])("whose MCP servers have %d lists around each other: that costs the field %p", (lists, costs) => {
    const nested = `${"[".repeat(lists)}1${"]".repeat(lists)}`;
    for (const servers of [`{"a":${nested}}`, `{"a":${nested},"b":1.0}`, `{"b":{},"a":${nested}}`]) {
      const inbound = parseInbound(
        `{"type":"task_assignment","data":{"task_id":"t","task":{"agent_config_snapshot":{"mcp_servers":${servers}}}}}`,
      );
      const { snapshot } = assignmentOf(inbound).task;
      expect(JSON.stringify(snapshot?.mcpServers)).toBe(costs ? "{}" : servers);
      expect(misreadOf(inbound)).toEqual(costs ? ["task.agent_config_snapshot.mcp_servers"] : []);
    }
  });

  test.each([["1e300"], ["1e999"], ["-1e999"], ["9007199254740993"]])(
    "takes the minutes %s for none",
    (number) => {
      const inbound = parseInbound(
        `{"type":"task_assignment","data":{"task_id":"t","task":{"agent_config_snapshot":{"idle_timeout_minutes":${number}}}}}`,
      );
      expect(assignmentOf(inbound).task.snapshot?.idleTimeoutMinutes).toBe(0);
      expect(misreadOf(inbound)).toEqual(["task.agent_config_snapshot.idle_timeout_minutes"]);
    },
  );

  test.each([
    [{ role_arn: " arn ", region: "us" }, "arn", "us"],
    [{ role_arn: "arn", region: "us", disabled: false }, "arn", "us"],
    [{ role_arn: "arn", region: "us", disabled: true }, "", ""],
    [{ role_arn: "arn", disabled: "yes" }, "arn", ""],
    [{ region: "us" }, "", "us"],
    [null, "", ""],
    ["aws", "", ""],
  ])("with aws %j has role %j and region %j", (aws, bedrockRole, bedrockRegion) => {
    const snapshot = assignmentOf(withSnapshot({ inference_providers: { aws } })).task.snapshot;
    expect(snapshot).toEqual({ ...BARE_SNAPSHOT, bedrockRole, bedrockRegion });
  });

  test("reads harness and sharing through their objects", () => {
    const sent = { harness: { type: " claude " }, session_sharing: { public_access: "VIEWER" } };
    const snapshot = assignmentOf(withSnapshot(sent)).task.snapshot;
    expect(snapshot).toEqual({ ...BARE_SNAPSHOT, harness: "claude", publicAccess: "VIEWER" });
    const padded = withSnapshot({ session_sharing: { public_access: " VIEWER " } });
    expect(assignmentOf(padded).task.snapshot?.publicAccess).toBe(" VIEWER ");
    expect(misreadOf(withSnapshot({ harness: "claude", session_sharing: 1 }))).toEqual([
      "task.agent_config_snapshot.harness",
      "task.agent_config_snapshot.session_sharing",
    ]);
  });
});
