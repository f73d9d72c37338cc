/** What is told of a Job whose task has been reported. */
import { expect, test } from "bun:test";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import { assignment } from "../support/assignments.ts";
import { FakeCluster } from "../support/fake-cluster.ts";
import { TEST_API_KEY, WorkerProcess } from "../support/worker-process.ts";

const CONFIG = `
worker_id: w
backend:
  kubernetes:
    task_env_secret: never
`;

// They were shown again from the task's end on, and a policy that looks into Jobs refuses to have them marked, too.
test("a policy that quotes a task's variables when its Job is to be marked does not bring them into the log", async () => {
  await using plane = await ControlPlane.start({ apiKey: TEST_API_KEY });
  await using cluster = await FakeCluster.start();
  const env = { KUBECONFIG: await cluster.kubeconfig() };
  await using worker = await WorkerProcess.start({ plane, config: CONFIG, env });
  const message = 'denied: env TOKEN="a-very-secret-token" has to come from a Secret';
  cluster.api.fault = ({ verb, resource }) =>
    verb === "patch" && resource === "jobs" ? { status: 403, reason: "Forbidden", message } : null;
  plane.submit(assignment({ taskId: "t-1", env: { TOKEN: "a-very-secret-token" } }));
  cluster.fail((await cluster.jobOf("t-1")).metadata.name, 3);
  await plane.waitForTask("t-1", ["failed"]);
  const [line] = await worker.waitForLog(/cannot clean up after a task.*/);
  expect(line).toContain("***");
  expect(worker.stderr).not.toContain("a-very-secret-token");
});
