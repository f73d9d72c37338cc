/** The kubectl example with a kubectl that notes what it is given; a real cluster is in tests/live. */
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { assignment } from "../support/assignments.ts";
import { CommandSite } from "../support/command-site.ts";

const EXAMPLE = resolve(import.meta.dir, "../../examples/command/kubectl");
const SECRET = 'sesame-of-the-task\'s\n"own" $HOME';
/** Answers `create` of a Job as the API server does, and fails where a test says so. */
const KUBECTL = `#!/bin/sh
printf '%s\\n' "$*" >>"$NOTES/calls"
case "$*" in
  *create*json) cat >"$NOTES/job"; echo '{"metadata":{"uid":"uid-7"}}' ;;
  *create*) cat >"$NOTES/secret"; [ ! -e "$NOTES/forbidden" ] || { echo 'secrets is forbidden' >&2; exit 1; } ;;
  *patch*) [ ! -e "$NOTES/unpatched" ] || { echo 'jobs.batch cannot be patched' >&2; exit 3; } ;;
esac
`;
const nameOf = (taskId: string) =>
  `oz-${createHash("sha256").update(`${taskId} exec-${taskId}`).digest("hex").slice(0, 16)}`;

async function start(site: CommandSite) {
  await site.dir.write("bin/kubectl", KUBECTL, 0o755);
  const config = Bun.YAML.parse(readFileSync(`${EXAMPLE}/config.yaml`, "utf8")) as {
    readonly backend: {
      readonly command: { readonly dispatch_command: string; readonly cancel_command: string };
    };
  };
  const { dispatch_command: dispatch, cancel_command: cancel } = config.backend.command;
  const env = { PATH: `${site.dir.join("bin")}:${process.env["PATH"]}`, OZ_NAMESPACE: "agents" };
  return await site.start({ dispatch, cancel, cwd: EXAMPLE, env });
}

test.skipIf(Bun.which("jq") === null)(
  "a task becomes a Job and a Secret of that Job, and a cancellation deletes it",
  async () => {
    await using site = await CommandSite.create();
    await using worker = await start(site);
    const task = assignment({
      env: { SECRET },
      more: {
        sidecar_image: "agent:1",
        docker_image: "app:2",
        additional_oz_args: ["$(TASK_ID)", "", "a b"],
      },
    });
    await site.handOver(task, worker);
    const name = nameOf(task.task_id);
    const job = JSON.parse(site.note("job"));
    const secret = JSON.parse(site.note("secret"));
    expect(job).toMatchObject({ kind: "Job", metadata: { name }, spec: { suspend: true, backoffLimit: 0 } });
    const pod = job.spec.template.spec;
    expect(pod.containers[0]).toMatchObject({ image: "app:2", command: ["/agent/entrypoint.sh"] });
    expect(pod.containers[0].args.slice(-4)).toEqual(["$$(TASK_ID)", "", "a b", "--idle-on-complete"]);
    expect(pod.containers[0].volumeMounts).toContainEqual({
      name: "sidecar-0",
      mountPath: "/agent",
      readOnly: true,
    });
    expect(pod.volumes).toContainEqual({ name: "sidecar-0", image: { reference: "agent:1" } });
    expect(pod.containers[0].env).toContainEqual({
      name: "SECRET",
      valueFrom: { secretKeyRef: { name, key: "SECRET" } },
    });
    expect(secret.stringData).toMatchObject({ SECRET, TASK_ID: task.task_id });
    expect(secret.metadata.ownerReferences).toEqual([
      { apiVersion: "batch/v1", kind: "Job", name, uid: "uid-7" },
    ]);
    site.plane.cancel(task.task_id);
    await worker.waitForLog(/cancellation passed on/);
    expect(site.note("calls").trim().split("\n")).toEqual([
      "--namespace agents create --filename - --output json",
      "--namespace agents create --filename -",
      `--namespace agents patch job ${name} --patch {"spec":{"suspend":false}}`,
      `--namespace agents delete job ${name} --ignore-not-found --wait=false`,
    ]);
    expect(site.note("job") + site.note("calls")).not.toContain("sesame");
  },
);

test.skipIf(Bun.which("jq") === null)(
  "a Secret that is refused leaves no Job, and is a failed task with the words of kubectl",
  async () => {
    await using site = await CommandSite.create();
    await using _worker = await start(site);
    await Bun.write(`${site.notes}/forbidden`, "");
    const task = await site.run(assignment({ env: { SECRET } }));
    expect(task).toMatchObject({ failureReason: "dispatch_command", exitCode: 1 });
    expect(task.message).toContain("secrets is forbidden");
    expect(site.note("calls")).toContain(`delete job ${nameOf(task.taskId)}`);
    expect(site.note("calls")).not.toContain("patch");
  },
);

// It stayed suspended for ever, and the task's environment in its Secret with it.
test.skipIf(Bun.which("jq") === null)(
  "a Job that cannot be let go is taken back with its Secret, and is a failed task",
  async () => {
    await using site = await CommandSite.create();
    await using _worker = await start(site);
    await Bun.write(`${site.notes}/unpatched`, "");
    const task = await site.run(assignment({ env: { SECRET } }));
    expect(task).toMatchObject({ failureReason: "dispatch_command", exitCode: 3 });
    expect(task.message).toContain("cannot be patched");
    expect(site.note("calls").trim().split("\n").at(-1)).toContain(`delete job ${nameOf(task.taskId)}`);
  },
);

test.skipIf(Bun.which("jq") === null)(
  "a sidecar that the task may write to is refused in words",
  async () => {
    await using site = await CommandSite.create();
    await using _worker = await start(site);
    const more = { additional_sidecars: [{ image: "x", mount_path: "/x", read_write: true }] };
    const { message } = await site.run(assignment({ more }));
    expect(message).toContain("no place for a sidecar that the task may write to");
  },
);
