/** No key and no value of a task stands in the log of a worker that hands tasks over, whatever goes wrong. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { assignment } from "../support/assignments.ts";
import { CommandSite } from "../support/command-site.ts";

const KEY = "wk-7f3a-worker";
const VALUES = {
  OF_THE_TASK: "value-of-the-task-1c9e",
  OF_THE_FILE: "value-of-the-file-55d0",
  OF_A_FLAG: "value-of-a-flag-ab12",
  QUOTED: 'say "value-1" \\ it\'s\nvalue-2-on-its-line',
};
const SECRETS = [KEY, ...Object.values(VALUES), "value-1", "value-2-on-its-line"];
/** Says all that it knows, on both streams. */
const TALKATIVE = 'payload=$(cat); echo "$payload"; env; set -x; echo "$payload" >&2; env >&2';

async function everything(format: string) {
  const site = await CommandSite.create({ apiKey: KEY });
  const worker = await site.start({
    dispatch: `${TALKATIVE}; case $payload in *fail-it*) exit 3 ;; *hang-it*) sleep 300 ;; esac`,
    cancel: "env >&2; exit 1",
    apiKey: KEY,
    flags: ["--log-level", "debug", "--log-format", format, "-e", `OF_A_FLAG=${VALUES.OF_A_FLAG}`],
    block: { environment: [{ name: "OF_THE_FILE", value: VALUES.OF_THE_FILE }], dispatch_timeout: "1s" },
  });
  const env = { OF_THE_TASK: VALUES.OF_THE_TASK, QUOTED: VALUES.QUOTED };
  const good = assignment({ env });
  site.plane.submit(good);
  await worker.waitForLog(/handed-off/);
  site.plane.cancel(good.task_id);
  await worker.waitForLog(/could not be passed on/);
  await site.run(assignment({ env, title: "fail-it" }));
  await site.run(assignment({ env, title: "hang-it" }));
  await site.run(assignment({ env, more: { additional_sidecars: [{ image: "", mount_path: "/x" }] } }));
  return { site, worker };
}

describe.each(["text", "json"])("the log at debug, as %s, of commands that say all they know", (format) => {
  test("has neither key nor value in it, and no message to the control plane has", async () => {
    const { site: whole, worker: started } = await everything(format);
    await using site = whole;
    await using worker = started;
    expect(await worker.stop()).toBe(0);
    const logged = worker.stdout + worker.stderr;
    expect(logged).toContain("OF_THE_TASK");
    expect(logged).toContain("OF_THE_FILE=***");
    const failed = site.plane.frames
      .map(({ raw }) => String(raw))
      .filter((raw) => raw.includes("task_failed"));
    expect(failed).toHaveLength(3);
    for (const [place, text] of Object.entries({ logged, failed: failed.join("\n") })) {
      const seen = SECRETS.filter((secret) => text.includes(secret));
      expect({ [place]: seen }).toEqual({ [place]: [] });
    }
    const left = readdirSync(site.dir.join("state/bar"), { recursive: true, withFileTypes: true });
    for (const { parentPath, name } of left.filter((each) => each.isFile())) {
      const bytes = `${name}\n${readFileSync(`${parentPath}/${name}`, "latin1")}`;
      for (const secret of SECRETS) expect(bytes).not.toContain(secret);
    }
  });
});

// Once they were hidden as values of TASK_ID and WARP_SERVER_ROOT_URL, and an engine's error named no job.
test("what a command says of the task's ids and the server can be read", async () => {
  await using site = await CommandSite.create();
  const dispatch =
    'echo "no room for $OZ_RUN_ID, $OZ_EXECUTION_ID of $OZ_SERVER_ROOT_URL with value-1" >&2; exit 1';
  await using _worker = await site.start({ dispatch });
  const task = assignment({ env: { SECRET: "value-1" } });
  const { message } = await site.run(task);
  expect(message).toEndWith(
    `: no room for ${task.task_id}, ${task["execution_id"]} of https://app.warp.dev with ***`,
  );
});
