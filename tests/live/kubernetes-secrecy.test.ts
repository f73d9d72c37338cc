/** What of a task's environment can be seen on a real cluster, and by whom. */
import { describe, expect, test } from "bun:test";
import { assignment } from "../support/assignments.ts";
import { noCluster } from "../support/live-cluster.ts";
import { ClusterSite, TASK_TIMEOUT_MS } from "../support/live-cluster-site.ts";
import { eventually } from "../support/wait.ts";

const VALUE = "a-value-for-nobody-else";

describe.skipIf(noCluster !== null)("the environment of a task on a real cluster", () => {
  test(
    "is in no Job, pod or event, reaches the agent, and its Secret goes with the Job",
    async () => {
      await using site = await ClusterSite.create();
      await using worker = await site.start({
        flags: ["-e", `FROM_FLAG=${VALUE}-flag`],
        kubernetes: { task_env_secret: "always", setup_command: "true" },
      });
      const [run] = await site.hold(1, {
        env: { API_TOKEN: VALUE, VERBATIM: "$(TASK_ID) $$(X) `id`", MULTI: `${VALUE}\nline` },
      });
      if (!run) throw new Error("one task was asked for");
      const own = ["-n", site.namespace];
      const seen = await site.cluster.kubectl(
        ...own,
        "get",
        "jobs,pods,events,leases,configmaps",
        "-o",
        "yaml",
      );
      expect(seen).toContain("oz-task-");
      expect(seen).not.toContain(VALUE);
      const secrets = (await site.cluster.get(...own, "secrets")).items;
      expect(secrets).toHaveLength(1);
      expect(secrets[0].metadata.ownerReferences).toEqual([expect.objectContaining({ kind: "Job" })]);
      run.release();
      expect((await site.ended(run)).state).toBe("completed");
      expect(run.env).toMatchObject({
        VERBATIM: "$(TASK_ID) $$(X) `id`",
        API_TOKEN: VALUE,
        MULTI: `${VALUE}\nline`,
        FROM_FLAG: `${VALUE}-flag`,
      });
      const none = async () => (await site.cluster.get(...own, "secrets")).items.length === 0;
      await eventually(none, "the Secret to go with its Job");
      expect(worker.stderr).not.toContain(VALUE);
    },
    TASK_TIMEOUT_MS * 2,
  );

  test(
    "is plain where the role may not make Secrets, which is said once",
    async () => {
      await using site = await ClusterSite.create();
      await site.grant("worker", { secrets: [] });
      const kubeconfig = await site.kubeconfigOf("worker");
      await using worker = await site.start({ kubernetes: { kubeconfig } });
      for (const task of [assignment({ env: { A: VALUE } }), assignment({ env: { A: VALUE } })]) {
        expect((await site.run(task)).state).toBe("completed");
      }
      expect(worker.stderr.match(/^.*warn.*secret.*$/gim)).toHaveLength(1);
      expect(worker.stderr).not.toContain(VALUE);
    },
    TASK_TIMEOUT_MS * 2,
  );

  test(
    "is refused at start with task_env_secret always where the role may not make Secrets",
    async () => {
      await using site = await ClusterSite.create();
      await site.grant("worker", { secrets: [] });
      const kubeconfig = await site.kubeconfigOf("worker");
      await using worker = await site.start({
        ready: false,
        kubernetes: { kubeconfig, task_env_secret: "always" },
      });
      expect(await worker.finished(TASK_TIMEOUT_MS)).toBe(1);
      expect(worker.stderr).toMatch(/secrets/);
      expect(await site.leftovers()).toEqual([]);
    },
    TASK_TIMEOUT_MS * 2,
  );
});
