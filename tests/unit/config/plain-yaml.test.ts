import { describe, expect, test } from "bun:test";
import { readPlainYaml } from "../../../src/config/plain-yaml.ts";
import { checkYaml } from "../../../src/config/yaml-config.ts";

const PLAIN = [
  "worker_id: multi\n  line\n",
  "worker_id: prod-1\n",
  "# a comment\nworker_id: prod-1   # and another\n\nmax_concurrent_tasks: 4\n",
  'worker_id: "with space"\ncleanup: false\nidle_on_complete: 45m\nlog_level: debug\n',
  "worker_id: 'x'\nbackend:\n  direct:\n    workspace_root: /var/lib/oz/ws\n    oz_path: /usr/local/bin/oz\n",
  "backend:\n  direct:\n    environment:\n      - name: A\n        value: hello world\n      - name: B\nworker_id: w\n",
  "backend:\n  docker:\n    volumes:\n      - /data:/data:ro\n      - /cache:/cache\nworker_id: w\n",
  "backend:\n  docker:\n    volumes:\n    - /data:/data:ro\nworker_id: w\n",
  "backend:\n  command:\n    dispatch_command: /opt/run --fast\n    dispatch_timeout: 90s\nworker_id: w\n",
  "backend:\n  kubernetes:\n    namespace: warp-oz\n    workspace_size_limit: 10Gi\n    pod_template:\n      nodeSelector:\n        kubernetes.io/os: linux\nworker_id: w\n",
];

/** Right or wrong, each has something in it that only the long way may judge. */
const NOT_PLAIN = [
  "worker_id: 1.10\n",
  "worker_id: 42\n",
  "worker_id: w\ncleanup: off\n",
  "worker_id: w\ncleanup: yes\n",
  "worker_id: on\n",
  "worker_id: w\nmax_concurrent_tasks: 0400\n",
  "worker_id: w\nmax_concurrent_tasks: 1e3\n",
  "worker_id: w\nmax_concurrent_tasks: 0x10\n",
  "worker_id: w\nworker_id: v\n",
  // The first line was once taken for the words of a value, so the second was no repetition.
  "worker_id: w\ncancel_grace_period: 1m30s\ncancel_grace_period: 5s\n",
  "worker_id: w\nbackend:\n  kubernetes:\n    extra_labels:\n      null: a\n",
  "worker_id: w\nbackend:\n  direct:\n",
  "worker_id: w\nbackend:\n  direct:\n    oz_path: oz\n  docker:\n    volumes: []\n",
  "worker_id: w\nunknown_key: 1\n",
  "worker_id: &a w\n",
  "worker_id: !!str w\n",
  "worker_id: >\n  folded\n",
  'worker_id: "a\\tb"\n',
  "worker_id: a: b\n",
  "worker_id: {a: b}\n",
  "worker_id:\tw\n",
  "---\nworker_id: w\n---\nworker_id: v\n",
  "worker_id: w\nbackend:\n  direct:\n    environment:\n      - name: A\n        value: null\n",
  "worker_id: w\nbackend:\n  direct:\n    environment:\n      - name: A\n        value: 12:30:45\n",
  "",
  "just text\n",
  "- a\n- b\n",
];

describe("readPlainYaml", () => {
  test.each(PLAIN)("reads what the long way reads: %j", (text) => {
    const long = checkYaml(text, "worker.yaml");
    expect(long.problems).toEqual([]);
    const plain = readPlainYaml(text);
    expect(plain).not.toBeNull();
    expect(plain).toEqual(long.config);
  });

  test.each(NOT_PLAIN)("leaves to the long way: %j", (text) => {
    expect(readPlainYaml(text)).toBeNull();
  });

  test("never differs from the long way, whatever values are put together", () => {
    const values = [
      ..."w,4,0,true,false,yes,~,1.5,45m,10s,0o7,.5,-1,+1,a b,a  b,a:b,x#y,x #y,'it''s','q',\"q\",/a/b,=,@a,a@b,2026-01-01,1_000,0b1,.inf,True,NULL,y".split(
        ",",
      ),
    ];
    let read = 0;
    for (const first of values) {
      for (const second of values) {
        const text = `worker_id: ${first}\nbackend:\n  direct:\n    setup_command: ${second}\n    environment:\n      - name: A\n        value: ${first}\n`;
        const plain = readPlainYaml(text);
        if (plain === null) continue;
        read += 1;
        const long = checkYaml(text, "worker.yaml");
        expect(long.problems, text).toEqual([]);
        expect(plain, text).toEqual(long.config);
      }
    }
    expect(read).toBeGreaterThan(50);
  });
});
