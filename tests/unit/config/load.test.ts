import { describe, expect, test } from "bun:test";
import { never } from "../../../src/async/wait.ts";
import { type LoadedFile, loadConfigFile } from "../../../src/config/load.ts";
import { TempDir } from "../../support/temp-dir.ts";

/** Loads the text from a file; the folder's name is taken off the problems. */
async function load(content: string | Uint8Array): Promise<LoadedFile> {
  await using folder = await TempDir.create();
  const path = await folder.write("worker.yaml", content);
  const loaded = await loadConfigFile(path, never());
  return { ...loaded, problems: loaded.problems.map((problem) => problem.replaceAll(path, "worker.yaml")) };
}

async function problemsOf(content: string | Uint8Array): Promise<readonly string[]> {
  return (await load(content)).problems;
}

describe("a file that cannot be read", () => {
  test("is named with the reason, whether missing or a folder", async () => {
    await using folder = await TempDir.create();
    const missing = folder.join("none.yaml");
    expect((await loadConfigFile(missing, never())).problems).toEqual([
      `Cannot read the config file "${missing}": there is no such file`,
    ]);
    expect((await loadConfigFile(folder.path, never())).problems).toEqual([
      `Cannot read the config file "${folder.path}": it is a folder, not a file`,
    ]);
  });

  test("may hold anything, so no key is called missing", async () => {
    const loaded = await loadConfigFile("/nowhere/at/all", never());
    expect(loaded.isBroken("worker_id")).toBe(true);
  });

  test("is refused when it is not UTF-8", async () => {
    const problems = await problemsOf(new Uint8Array([0xff, 0xfe, 0x77, 0x00]));
    expect(problems).toEqual(['Cannot read the config file "worker.yaml": it is not text in UTF-8']);
  });
});

describe("an empty config", () => {
  test.each(["", "\n\n", "# nothing\n", "---\n", "{}", "\ufeff"])("%p says nothing", async (content) => {
    const loaded = await load(content);
    expect(loaded.problems).toEqual([]);
    expect(loaded.config).toEqual({});
  });
});

test.each(["---\n", "---", "---\n---\n# the end\n\n", "...\n"])(
  "an end of nothing but markers, as tools write it, is no second document: %j",
  async (end) => {
    expect(await load(`worker_id: "a\\tb"\n${end}`)).toMatchObject({
      problems: [],
      config: { worker_id: "a\tb" },
    });
  },
);

describe("YAML that is not well-formed", () => {
  const TABLE: readonly [string, string, readonly string[]][] = [
    [
      "tabs",
      "backend:\n\tdirect: {}\n",
      ["worker.yaml:2:1: YAML does not allow tabs for indentation; use spaces"],
    ],
    ["a list", "- worker_id: x\n", ["worker.yaml:1:1: The config file must be a mapping, not a list"]],
    [
      "a word, which may be the key of a key file that was given by mistake",
      "s3cret\n",
      ["worker.yaml:1:1: The config file must be a mapping, not one piece of text; is it the right file?"],
    ],
    ["an open quote", 'worker_id: "w\nbackend: {}\n', ["worker.yaml:3:1: A quote above is not closed"]],
    [
      "an open bracket",
      "worker_id: w\nbackend: {direct: {}\n",
      ["worker.yaml:3:1: The indentation does not fit the lines above, or a bracket above is not closed"],
    ],
    [
      "two documents",
      "worker_id: a\n---\nworker_id: b\n",
      ["worker.yaml:2:1: The file holds more than one YAML document; keep one"],
    ],
    [
      "an unknown alias",
      "worker_id: *name\n",
      ["worker.yaml:1:12: The alias *name has no anchor &name before it"],
    ],
  ];
  test.each(TABLE)("%s", async (_name, content, expected) => {
    expect(await problemsOf(content)).toEqual([...expected]);
  });

  test("never shows a piece of the text, which may be a secret", async () => {
    const value = (text: string) => `backend: {direct: {environment: [{name: A, value: ${text}}]}}\n`;
    const texts = [
      value("*s3cret!"),
      `backend:\n  direct:\n    environment:\n      - name: A\n        value: |s3cret\n`,
      `backend:\n  direct:\n    environment:\n      - name: A\n        value: >s3cret\n`,
      "backend: {direct: {environment: [{TOKEN=s3cret}]}}\n",
      "backend: {direct: {environment: [{s3cret}]}}\n",
      "worker_id: [s3cret\n",
      'worker_id: "s3cret\n',
      "a: b: s3cret\n",
      "worker_id: %s3cret\n",
      "@s3cret: x\n",
    ];
    for (const text of texts) {
      const problems = await problemsOf(text);
      expect(problems.length).toBeGreaterThan(0);
      for (const problem of problems) {
        expect(problem).toStartWith("worker.yaml:");
        expect(problem).not.toContain("s3cret");
      }
    }
  });

  test("a long line of another file is no key, and is not shown whole", async () => {
    const hash = "$6$rounds$c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";
    expect(await problemsOf(`root:${hash}:20228:0:99999:7::\n`)).toEqual([
      'worker.yaml:1:1: Unknown key "root:$6$ro..."',
    ]);
  });

  test("a repeated key is told beside the other mistakes", async () => {
    expect(await problemsOf("worker_id: a\nlog_level: loud\nworker_id: b\n")).toEqual([
      'worker.yaml:2:12: log_level must be one of debug, info, warn, error, not "loud"',
      'worker.yaml:3:1: The key "worker_id" is given twice',
    ]);
  });

  test.each([
    [
      "in brackets",
      "worker_id: a\nbackend: {docker: {volumes: [], volumes: []}}\n",
      '2:33: The key "volumes" is',
    ],
    ["in quotes", 'worker_id: a\n"worker_id": b\n', '2:1: The key "worker_id" is'],
    ["three times", "worker_id: a\nworker_id: b\nworker_id: c\n", '3:1: The key "worker_id" is'],
  ])("a repeated key is told by its place, %s", async (_how, text, says) => {
    expect((await problemsOf(text)).at(-1)).toBe(`worker.yaml:${says} given twice`);
  });

  // The parser's own look for repeated keys took minutes of it, in which no signal was heard.
  test("another program's dump of very many keys is told by the first hundred of them", async () => {
    const keys = Array.from({ length: 10_000 }, (_, i) => `key_${i}: 1`);
    const problems = await problemsOf(keys.join("\n"));
    expect(problems).toHaveLength(101);
    expect(problems.slice(99)).toEqual([
      'worker.yaml:100:1: Unknown key "key_99"',
      "worker.yaml: 9900 more mistakes; is it the right file?",
    ]);
  });

  // Once: the unknown key was left out before its alias was followed, and the aliases were blamed for a circle.
  test("an unknown key is named, also when the file has an alias of something in it", async () => {
    expect(await problemsOf("x: &a {direct: {oz_path: /oz}}\nworker_id: w\nbackend: *a\n")).toEqual([
      expect.stringMatching(/^worker\.yaml:1:1: Unknown key "x"/),
    ]);
  });

  test("aliases in a circle, aliases that explode and endless nesting end in a sentence", async () => {
    const bomb = [
      "a0: &a0 [x, x]",
      ...Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`),
    ];
    const indented = bomb.map((line) => `      ${line}`).join("\n");
    const texts = [
      "backend:\n  kubernetes:\n    pod_template: &self\n      again: *self\n",
      `backend:\n  kubernetes:\n    pod_template:\n${indented}\n`,
      `worker_id: ${"[".repeat(100_000)}`,
    ];
    for (const text of texts) {
      const problems = await problemsOf(text);
      expect(problems.length).toBeWithin(1, 22);
      expect(new Set(problems).size).toBe(problems.length);
      for (const problem of problems) expect(problem).toStartWith("worker.yaml:");
    }
  });
});

describe("what is wrong in a file", () => {
  test("is told all at once, in the order of the lines, with path, column and the nearest key", async () => {
    const problems = await problemsOf(
      `workerid: x
max_concurrent_tasks: -1
idle_on_complete: 45
workspace_root: /x
cancel_grace_period: soon
backend:
  direct:
    oz_pth: /oz
    environment:
      - name: A B
        value: s3cret
      - SECRET=s3cret
      - name: OK
        valu: s3cret
      - value: s3cret
`,
    );
    expect(problems).toEqual([
      'worker.yaml:1:1: Unknown key "workerid" (did you mean "worker_id"?)',
      "worker.yaml:2:23: max_concurrent_tasks must be a whole number of 0 or more, not -1",
      'worker.yaml:3:19: idle_on_complete must be a duration such as "45m", "1h 30m" or "0s", not "45"',
      'worker.yaml:4:1: Unknown key "workspace_root" (it belongs at backend.direct.workspace_root)',
      'worker.yaml:5:22: cancel_grace_period must be a duration of at most 24 days such as "10s", "1m30s" or "2days", not "soon"',
      'worker.yaml:8:5: Unknown key "backend.direct.oz_pth" (did you mean "oz_path"?)',
      'worker.yaml:10:15: backend.direct.environment[0].name must be a name without white space or "="',
      "worker.yaml:12:9: backend.direct.environment[1] must be a mapping with name and value",
      'worker.yaml:14:9: Unknown key "backend.direct.environment[2].valu" (did you mean "value"?)',
      "worker.yaml:15:9: backend.direct.environment[3].name is required",
    ]);
  });

  test("is left out of what can be used, and not called missing", async () => {
    const loaded = await load(
      "worker_id: warp-1\nmax_concurrent_tasks: 2\nbackend:\n  direct:\n    oz_path: 1\n    oz: 2\n",
    );
    expect(loaded.config).toEqual({ max_concurrent_tasks: 2, backend: { direct: { oz_path: "1" } } });
    expect(loaded.isBroken("worker_id")).toBe(true);
    expect(loaded.isBroken("max_concurrent_tasks")).toBe(false);
    expect(loaded.isBroken("backend")).toBe(false);
  });

  test("a mistyped key is no missing one", async () => {
    expect((await load("workerid: x\n")).isBroken("worker_id")).toBe(true);
  });

  test("keys that every JavaScript object has are unknown like any other", async () => {
    expect(await problemsOf("constructor: x\ntoString: y\n__proto__: z\n")).toEqual([
      'worker.yaml:1:1: Unknown key "constructor"',
      'worker.yaml:2:1: Unknown key "toString"',
      'worker.yaml:3:1: Unknown key "__proto__"',
    ]);
  });

  const TABLE: readonly [string, string][] = [
    ["worker_id: warp-1", 'worker_id must not start with "warp", which is reserved; it is "warp-1"'],
    ['backend: {command: {dispatch_command: ""}}', "backend.command.dispatch_command must not be empty"],
    ['backend: {direct: {environment: [{name: ""}]}}', "backend.direct.environment[0].name must be a name"],
    ["max_concurrent_tasks: 1.5", "max_concurrent_tasks must be a whole number of 0 or more, not 1.5"],
    ["max_concurrent_tasks: two", 'max_concurrent_tasks must be a whole number of 0 or more, not "two"'],
    ["cleanup: maybe", 'cleanup must be true or false, not "maybe"'],
    [
      "log_level: debgu",
      'log_level must be one of debug, info, warn, error, not "debgu" (did you mean "debug"?)',
    ],
    ["shutdown_timeout: 30days", 'must be a duration of at most 24 days such as "10s"'],
    // With the 2 s that follow it would be more than a timer can wait for, and a stop once waited for no task.
    ["shutdown_timeout: 24days 1s", 'must be a duration of at most 24 days such as "10s"'],
    ["backend: docker", 'backend must be a mapping, not "docker"; write docker: {} below it'],
    ["backend: {direct: []}", "backend.direct must be a mapping, not a list"],
    ["backend: {command: [x]}", "backend.command must be a mapping, not a list"],
    [
      "backend: {docker: {environment: [[a]]}}",
      "backend.docker.environment[0] must be a mapping, not a list",
    ],
    ["backend: {kubernetes: {pod_template: {a: *b}}}", "The alias *b has no anchor &b before it"],
    ["backend: {podman: {}}", 'Unknown key "backend.podman" (there are docker, direct, kubernetes, command)'],
    [
      "backend: {docker: {}, direct: {}}",
      "backend holds docker and direct; only one backend may be configured",
    ],
    ["backend: {docker: {volumes: [cache:/c]}}", "backend.docker.volumes[0] must be HOST:CONTAINER"],
    ["backend: {docker: {volumes: ['/a:/b:rx']}}", "backend.docker.volumes[0] must be HOST:CONTAINER"],
    ["backend: {docker: {image_pull_policy: Always}}", 'not "Always" (did you mean "always"?)'],
    [
      "backend: {docker: {sidecar_volume_max_age: week}}",
      'sidecar_volume_max_age must be a duration such as "12h" or "7days", not "week"',
    ],
    [
      "backend: {docker: {security: {pids_limit: -1}}}",
      "security.pids_limit must be a whole number of 0 or more, not -1",
    ],
    ["backend: {docker: {security: {cap_drop: [a b]}}}", "cap_drop[0] must be a capability such as NET_RAW"],
    [
      "backend: {docker: {network: 'container:x'}}",
      'backend.docker.network must be the name of a network of the engine, not "container:x"',
    ],
    [
      "backend: {docker: {security: {runtime: /usr/bin/runsc}}}",
      "backend.docker.security.runtime must be the name of a runtime of the engine",
    ],
    // Once these were taken, and came to the engine as no limit.
    ...["8g", "0.0000000001", "1.0e+300", ".inf", "-1"].map((size): [string, string] => [
      `backend: {docker: {default_limits: {memory_gb: ${size}}}}`,
      "memory_gb must be 0 or a number from 0.01 to 1000000",
    ]),
    [
      "backend: {docker: {default_limits: {vcpus: 0.001}}}",
      "vcpus must be 0 or a number from 0.01 to 1000000",
    ],
    ["backend: {docker: {security: {privileged: no}}}", 'Unknown key "backend.docker.security.privileged"'],
    [
      "backend: {docker: {volumes: /a:/b}}",
      "backend.docker.volumes must be a list of HOST:CONTAINER[:ro|rw]",
    ],
    ["backend: {command: {cancel_command: x}}", "backend.command.dispatch_command is required"],
    [
      "backend: {command: {dispatch_command: x, dispatch_timeout: 2days}}",
      'must be a duration such as "30s"',
    ],
    ["backend: {command: {dispatch_command: x, dispatch_timeout: 0s}}", "must be longer than 0s"],
    [
      "backend: {kubernetes: {default_image: 'a b'}}",
      "default_image must be an image name without white space",
    ],
    [
      "backend: {kubernetes: {preflight_resources: {request: {cpu: 1}}}}",
      'preflight_resources must not have the key "request" (did you mean "requests"?)',
    ],
    [
      "backend: {kubernetes: {preflight_image: ' '}}",
      "preflight_image must be an image name without white space",
    ],
    [
      "backend: {kubernetes: {coding_cli_sidecars: {claude: 'a b'}}}",
      "coding_cli_sidecars.claude must be an image",
    ],
    ["backend: {kubernetes: {image_pull_policy: always}}", 'not "always" (did you mean "Always"?)'],
    [
      "backend: {kubernetes: {workspace_size_limit: 10GB}}",
      'must be a quantity such as "10Gi", "500m" or "0.5"',
    ],
    [
      "backend: {kubernetes: {preflight_resources: {limits: {cpu: many}}}}",
      "preflight_resources.limits.cpu must be",
    ],
    [
      "backend: {kubernetes: {unschedulable_timeout: 30}}",
      'must be a duration such as "30s" or "1m30s", not "30"',
    ],
    ["backend: {kubernetes: {namespace: My_Space}}", "namespace must be a namespace"],
    ["backend: {kubernetes: {active_deadline_seconds: 0}}", "must be a whole number of 1 or more, not 0"],
    ["backend: {kubernetes: {extra_labels: {a: [b]}}}", "extra_labels.a must be text, not a list"],
    ["backend: {kubernetes: {pod_template: [a]}}", "pod_template must be a mapping, not a list"],
    [
      "backend: {kubernetes: {pod_template: {containers: [{env: yes}]}}}",
      "pod_template.containers[0].env must be a list of mappings",
    ],
    [
      "backend: {kubernetes: {pod_template: {containers: [{resources: {limits: {cpu: many}}}]}}}",
      'containers[0].resources.limits.cpu must be a quantity such as "10Gi", "500m" or "0.5", not "many"',
    ],
    // As docker's command line has it; the value came with the key.
    [
      "backend: {kubernetes: {pod_template: {containers: [{env: [TOKEN=s3cret]}]}}}",
      "pod_template.containers[0].env[0] must be a mapping",
    ],
    ["backend: {kubernetes: {task_env_secret: Always}}", 'not "Always" (did you mean "always"?)'],
    [
      "backend: {direct: {environment: {A: s3cret}}}",
      "environment must be a list of mappings with name and value",
    ],
  ];
  test.each(TABLE)("%s", async (line, expected) => {
    const problems = await problemsOf(`${line}\n`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(expected);
    expect(problems[0]).toMatch(/^worker\.yaml:1:\d+: /);
    expect(problems[0]).not.toContain("s3cret");
  });
});

// Once without a word: the tasks of a bare `direct:` ran in Docker, which is what the file means to the original, too.
test("a backend without a block is remembered, for it was to be chosen", async () => {
  for (const [content, name] of [
    ["worker_id: a\nbackend:\n  direct:\n", "direct"],
    ["worker_id: a\nbackend:\n  kubernetes: # defaults\n", "kubernetes"],
    ["worker_id: a\nbackend:\n  direct: {}\n", null],
    ["worker_id: a\nbackend:\n", null],
  ] as const) {
    expect(await load(content)).toMatchObject({ problems: [], emptyBackend: name });
  }
});

describe("a file that works with the original means the same here", () => {
  const TABLE: readonly [string, string, object][] = [
    ["a number where text is expected", "worker_id: 007", { worker_id: "007" }],
    ["yes and off", "cleanup: off", { cleanup: false }],
    ["Yes", "cleanup: Yes", { cleanup: true }],
    ["a key without a value", "worker_id: a\nlog_level:\nbackend:", { worker_id: "a" }],
    // As charts and templates write what nobody set, and as the Go worker reads it.
    [
      "an empty text where none can be meant",
      'worker_id: ""\nlog_level: \'\'\nidle_on_complete: ""\nbackend: {direct: {setup_command: "", oz_path: ""}}',
      { backend: { direct: {} } },
    ],
    [
      "an empty text where it is a value",
      'backend: {direct: {environment: [{name: A, value: ""}]}}',
      { backend: { direct: { environment: [{ name: "A", value: "" }] } } },
    ],
    [
      "values of variables",
      "backend: {docker: {environment: [{name: A, value: 1.10}, {name: B, value: true}, {name: C, value: }, {name: D}]}}",
      {
        backend: {
          docker: {
            environment: [
              { name: "A", value: "1.10" },
              { name: "B", value: "true" },
              { name: "C" },
              { name: "D" },
            ],
          },
        },
      },
    ],
    [
      "a bare quantity",
      "backend: {kubernetes: {workspace_size_limit: 1e3}}",
      { backend: { kubernetes: { workspace_size_limit: "1e3" } } },
    ],
    [
      "octal modes in a pod template, and its empty keys",
      "backend: {kubernetes: {pod_template: {volumes: [{mode: 0400, emptyDir: }]}}}",
      { backend: { kubernetes: { pod_template: { volumes: [{ mode: 256, emptyDir: null }] } } } },
    ],
    [
      "bare quantities in a pod template, and lists without an entry",
      "backend: {kubernetes: {pod_template: {volumes: , containers: [{name: task, env: , resources: {limits: {cpu: 2}}}]}}}",
      {
        backend: {
          kubernetes: {
            pod_template: {
              volumes: null,
              containers: [{ name: "task", env: null, resources: { limits: { cpu: 2 } } }],
            },
          },
        },
      },
    ],
    [
      "anchors and merge keys",
      "backend: {kubernetes: {pod_template: {a: &a {x: 1}, b: {<<: *a, y: 2}}}}",
      { backend: { kubernetes: { pod_template: { a: { x: 1 }, b: { x: 1, y: 2 } } } } },
    ],
    ["a block without settings", "backend:\n  direct:\n", { backend: {} }],
    [
      "a block without settings beside a full one",
      "backend:\n  docker:\n  direct: {}\n",
      { backend: { direct: {} } },
    ],
  ];
  test.each(TABLE)("%s", async (_name, content, expected) => {
    const loaded = await load(content);
    expect(loaded.problems).toEqual([]);
    expect<object>(loaded.config).toEqual(expected);
  });

  test("an unknown key inside a merged mapping is found where it stands", async () => {
    const text =
      "backend:\n  docker:\n    environment:\n      - &e {name: A, valu: x}\n      - {<<: *e, name: B}\n";
    expect(await problemsOf(text)).toEqual([
      'worker.yaml:4:22: Unknown key "backend.docker.environment[0].valu" (did you mean "value"?)',
    ]);
  });

  test("a byte order mark at the start is no part of the first key", async () => {
    expect((await load("\ufeffworker_id: a\n")).config).toEqual({ worker_id: "a" });
  });
});
