import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { configJsonSchema } from "../../../scripts/generate.ts";
import { flaggedSchema, runFlags } from "../../../src/config/flags.ts";
import { configSchema } from "../../../src/config/schema.ts";
import { entriesOf, isSecret, pathText, settingsOf } from "../../../src/config/schema-walk.ts";

const FULL = {
  worker_id: "w",
  cleanup: true,
  max_concurrent_tasks: 4,
  max_tasks: 0,
  exit_after_idle: "0s",
  idle_on_complete: "10m",
  log_level: "debug",
  log_format: "json",
  state_dir: "/s",
  api_key_file: "/k",
  ca_file: "/c",
  health_address: "127.0.0.1:8152",
  cancel_grace_period: "10s",
  drain_timeout: "0s",
  shutdown_timeout: "20s",
  max_task_duration: "2days",
};

/** Every key of every backend, as the contract's section 1 lists them. */
const BACKENDS = {
  docker: {
    volumes: ["/a:/b", "/a:/b:ro", "/a:/b:rw"],
    environment: [{ name: "A", value: "b" }, { name: "C" }],
    image_pull_policy: "if-not-present",
    sidecar_volume_max_age: "30days",
    min_free_gb: 20,
    network: "n",
    default_limits: { vcpus: 1.5, memory_gb: 4 },
    security: { no_new_privileges: true, pids_limit: 512, cap_drop: ["ALL"], runtime: "runsc" },
  },
  direct: {
    workspace_root: "/w",
    target_dir: "/t",
    oz_path: "/oz",
    setup_command: "s",
    teardown_command: "t",
    log_dir: "/l",
    log_max_age: "7days",
    min_free_gb: 0.5,
    environment: [],
  },
  kubernetes: {
    namespace: "n",
    kubeconfig: "/k",
    default_image: "i",
    image_pull_policy: "Always",
    use_image_volumes: true,
    preflight_image: "p",
    preflight_resources: { requests: { cpu: "1" }, limits: {}, claims: [] },
    sidecar_image: "s",
    coding_cli_sidecars: { claude: "i" },
    setup_command: "s",
    teardown_command: "t",
    extra_labels: { a: "b" },
    extra_annotations: { a: "b" },
    active_deadline_seconds: 60,
    ttl_seconds_after_finished: 0,
    workspace_size_limit: "10Gi",
    unschedulable_timeout: "1m30s",
    task_env_secret: "always",
    pod_template: { containers: [{ name: "task" }] },
  },
  command: {
    dispatch_command: "d",
    cancel_command: "c",
    dispatch_timeout: "60s",
    handed_off_ttl: "7days",
    environment: [],
  },
};

describe("the schema of the config file", () => {
  test.each(Object.entries(BACKENDS))("takes every key of %s", (kind, block) => {
    expect(v.is(configSchema(), { ...FULL, backend: { [kind]: block } })).toBe(true);
    const backend = entriesOf(configSchema())?.["backend"];
    const known = backend && entriesOf(backend)?.[kind];
    expect(Object.keys((known && entriesOf(known)) ?? {}).sort()).toEqual(Object.keys(block).sort());
  });

  test("has no key at the top that this test does not know", () => {
    expect(Object.keys(entriesOf(configSchema()) ?? {}).sort()).toEqual(
      [...Object.keys(FULL), "backend"].sort(),
    );
  });

  test("describes each setting", () => {
    const bare = settingsOf(configSchema()).filter(({ description }) => description === "");
    expect(bare.map(({ path }) => pathText(path))).toEqual([]);
  });

  test("lends every setting that names a flag to the flags, and no two the same", () => {
    const named = settingsOf(configSchema()).flatMap(({ info }) => info.flag ?? []);
    const lent = settingsOf(flaggedSchema()).flatMap(({ info }) => info.flag ?? []);
    expect(lent.sort()).toEqual([...new Set(named)].sort());
    expect(Object.keys(runFlags())).toEqual(expect.arrayContaining(named));
  });

  test("takes the variables of tasks for secrets, whole", () => {
    const schema = configSchema();
    expect(isSecret(schema, ["backend", "direct", "environment", 0, "value"])).toBe(true);
    expect(isSecret(schema, ["backend", "docker", "environment"])).toBe(true);
    expect(isSecret(schema, ["backend", "docker", "volumes", 0])).toBe(false);
    expect(isSecret(schema, ["nowhere", "at", "all"])).toBe(false);
  });
});

test("the JSON Schema knows patterns, defaults and required keys, and none of our own words", () => {
  const text = configJsonSchema();
  const schema: unknown = JSON.parse(text);
  expect(schema).toMatchObject({
    additionalProperties: false,
    properties: {
      max_concurrent_tasks: { type: "integer", minimum: 0, default: 0 },
      cancel_grace_period: { type: "string", default: "10s", pattern: expect.any(String) },
      log_level: { enum: ["debug", "info", "warn", "error"] },
      backend: {
        maxProperties: 1,
        additionalProperties: false,
        properties: { command: { $ref: "#/$defs/command" } },
      },
    },
    $defs: { command: { required: ["dispatch_command"], additionalProperties: false } },
  });
  for (const word of ["flag", "valueHint", "secret", "otherwise"]) expect(text).not.toContain(`"${word}":`);
});
