/** The kubectl example on a real cluster: handed over, run with its environment, cancelled. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, resolve } from "node:path";
import { assignment } from "../support/assignments.ts";
import { CommandSite } from "../support/command-site.ts";
import { LiveCluster, noCluster } from "../support/live-cluster.ts";
import { eventually } from "../support/wait.ts";

const EXAMPLE = resolve(import.meta.dir, "../../examples/command/kubectl");
const CLUSTER = resolve(import.meta.dir, "../../scripts/services/cluster");
const SECRET = 'sesame\'s "own" $(TASK_ID) $HOME';
/** What the agent's sidecar holds; the task's image has a shell. */
const ENTRYPOINT = `#!/bin/sh
printf 'SECRET=%s\\n' "$SECRET"
for argument do printf 'argument=%s\\n' "$argument"; done
trap 'exit 143' TERM
sleep "\${AGENT_SLEEP:-0}" & wait $!
`;
const SLOW = { timeoutMs: 60_000, intervalMs: 200 };

describe.skipIf(noCluster !== null)("with the kubectl example", () => {
  test("a task runs as a Job with its own Secret, and a cancellation leaves nothing of one that runs", async () => {
    const cluster = await LiveCluster.shared();
    await using site = await CommandSite.create();
    await site.dir.write("sidecar/entrypoint.sh", ENTRYPOINT, 0o755);
    await cluster.loadImage("oz-test/command-sidecar:1", site.dir.join("sidecar"));
    const namespace = `live-${crypto.randomUUID().slice(0, 8)}`;
    await cluster.kubectl("create", "namespace", namespace);
    const own = ["-n", namespace];
    try {
      const state = dirname(dirname(cluster.kubeconfig));
      const kubectl = `#!/bin/sh\nHOME='${homedir()}' OZ_CLUSTER_DIR='${state}' exec '${CLUSTER}' kubectl "$@"\n`;
      await site.dir.write("bin/kubectl", kubectl, 0o755);
      const config = Bun.YAML.parse(readFileSync(`${EXAMPLE}/config.yaml`, "utf8")) as {
        readonly backend: {
          readonly command: { readonly dispatch_command: string; readonly cancel_command: string };
        };
      };
      const { dispatch_command: dispatch, cancel_command: cancel } = config.backend.command;
      const env = { PATH: `${site.dir.join("bin")}:${process.env["PATH"]}`, OZ_NAMESPACE: namespace };
      await using worker = await site.start({ dispatch, cancel, cwd: EXAMPLE, env });
      const images = { docker_image: "busybox:1.36", sidecar_image: "oz-test/command-sidecar:1" };
      const done = assignment({
        env: { SECRET },
        more: { ...images, additional_oz_args: ["$(TASK_ID)", "$$(X)"] },
      });
      const running = assignment({ env: { SECRET, AGENT_SLEEP: "1000" }, more: images });
      await site.handOver(done, worker);
      await site.handOver(running, worker);
      const jobs = async () => (await cluster.get(...own, "jobs")).items;
      await eventually(
        async () =>
          (await jobs()).some((job: { status: { succeeded?: number } }) => job.status.succeeded === 1),
        "one to have succeeded",
        SLOW,
      );
      const text = JSON.stringify([await jobs(), await cluster.get(...own, "pods")]);
      expect(text).not.toContain("sesame");
      const name = (await jobs()).find(
        (job: { status: { succeeded?: number } }) => job.status.succeeded === 1,
      ).metadata.name;
      const said = await cluster.kubectl(...own, "logs", `job/${name}`);
      expect(said).toContain(`SECRET=${SECRET}\n`);
      expect(said).toContain("argument=$(TASK_ID)\nargument=$$(X)\n");
      site.plane.cancel(running.task_id);
      await worker.waitForLog(/cancellation passed on/);
      const left = async () =>
        (await cluster.get(...own, "jobs,pods,secrets")).items.map(
          (each: { metadata: { name: string } }) => each.metadata.name,
        );
      await eventually(
        async () => (await left()).every((each: string) => each.startsWith(name)),
        "the Job, its pod and its Secret to go",
        SLOW,
      );
      expect(site.terminals(running.task_id)).toEqual([]);
    } finally {
      await cluster.kubectl("delete", "namespace", namespace, "--wait=false");
    }
  }, 180_000);
});
