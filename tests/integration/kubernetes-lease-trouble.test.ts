/** What is said of Leases that cannot be read or written, and what is done then. */
import { expect, test } from "bun:test";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { eachTestHasFleet } from "../support/kubernetes-fleet.ts";
import { passTime } from "../support/kubernetes-rig.ts";

let cluster: FakeCluster;
const { worker, runningTask } = eachTestHasFleet((own) => {
  ({ cluster } = own);
});

// One that gave up after the first failure would be taken for dead, with all that it runs.
test("a Lease that cannot be renewed is tried again soon, which is said once for as long as that lasts", async () => {
  const one = await worker("one");
  const tries: number[] = [];
  let down = true;
  cluster.api.fault = ({ verb, resource }) => {
    if (verb !== "patch" || resource !== "leases") return null;
    tries.push(performance.now());
    return down ? { status: 403, message: "not for you" } : null;
  };
  const tried = (count: number) => passTime(cluster, () => tries.length === count);
  const told = () => one.log.said("warn").filter((line) => line === "cannot renew the worker's Lease").length;
  const lastGap = () => (tries.at(-1) ?? 0) - (tries.at(-2) ?? 0);
  await tried(3);
  expect(lastGap()).toBeWithin(2_500, 4_000);
  down = false;
  await tried(5);
  expect(told()).toBe(1);
  expect(lastGap()).toBeWithin(9_500, 11_500);
  down = true;
  await tried(7);
  expect(told()).toBe(2);
  cluster.api.fault = () => null;
});

test("that nobody can look for Jobs of dead workers is said once for as long as that lasts", async () => {
  await runningTask(await worker("one"), "t-1");
  const two = await worker("two");
  let looks = 0;
  let down = true;
  cluster.api.fault = ({ verb, resource, headers }) => {
    if (verb !== "list" || resource !== "leases" || headers["authorization"] !== "Bearer two") return null;
    looks++;
    return down ? { status: 403, message: "not for you" } : null;
  };
  const looked = (count: number) => passTime(cluster, () => looks === count);
  const told = () => two.log.said("warn").filter((line) => line.startsWith("cannot look for Jobs")).length;
  two.findOrphans(() => "refused");
  await looked(3);
  expect(told()).toBe(1);
  down = false;
  await looked(5);
  down = true;
  await looked(7);
  expect(told()).toBe(2);
});

// It waited for its turn behind a hundred of them, for 80 s; by then another worker had taken all Jobs of this one.
test("a Lease is renewed in time although an admission webhook holds up the creation of many Jobs", async () => {
  const one = await worker("one");
  const renewals: number[] = [];
  cluster.api.fault = ({ verb, resource }) => {
    if (verb === "patch" && resource === "leases") renewals.push(performance.now());
    return verb === "create" && resource === "jobs" ? "silence" : null;
  };
  const beganAt = performance.now();
  for (let at = 0; at < 70; at++) one.run(`t-${at}`);
  await passTime(cluster, () => renewals.length === 3);
  expect((renewals.at(-1) ?? 0) - beganAt).toBeWithin(29_000, 35_000);
  cluster.api.fault = () => null;
});

// After half a minute in vain it was too late for a second try.
test("a renewal that gets no answer, as over a dead connection, is tried again before the Lease has run out", async () => {
  const one = await worker("one");
  const renewals: number[] = [];
  cluster.api.fault = ({ verb, resource }) => {
    if (verb !== "patch" || resource !== "leases") return null;
    renewals.push(performance.now());
    return renewals.length === 2 ? "silence" : null;
  };
  const [renewed = 0, , again = 0] = await passTime(cluster, () => renewals.length === 3 && renewals);
  expect(again - renewed).toBeLessThan(35_000);
  const [told] = one.log.lines.filter(({ message }) => message === "cannot renew the worker's Lease");
  expect(told?.fields["why"]).toBe("no answer within 15 s");
});

// Each of them took the time of one try: the Lease ran out, and another worker had all Jobs of this one.
test("a renewal over a new connection follows one without an answer, however many are dead that tasks have left open", async () => {
  const one = await worker("one");
  const jobs = Array.from({ length: 12 }, (_, at) => `t-${at}`);
  for (const task of jobs) one.run(task);
  await Promise.all(jobs.map((task) => cluster.jobOf(task)));
  await passTime(cluster, () => one.backend.engineCalls() === 0);
  cluster.api.forgetConnections();
  const forgottenAt = performance.now();
  const renewals = () => cluster.api.callsOf("patch", "leases").length;
  await passTime(cluster, () => renewals() > 0);
  expect(performance.now() - forgottenAt).toBeLessThan(35_000);
  const renewedAt = performance.now();
  await passTime(cluster, () => renewals() > 3, { stepMs: 2_000 });
  expect(performance.now() - renewedAt).toBeLessThan(35_000);
});
