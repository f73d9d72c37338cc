/** The preflight against an API server that has, tells or takes less than others. */
import { describe, expect, test } from "bun:test";

import {
  createPod,
  eachTestHasPreflight,
  log,
  onJob,
  preflight,
  refusalOf,
  startServer,
} from "./preflight-rig.ts";

eachTestHasPreflight();

describe("a server that tells or takes less than others", () => {
  // Where nobody may ask what he may do no worker started, though its role allowed it all.
  test.each([
    ["may not ask", { forbidden: ["create selfsubjectaccessreviews"] }],
    ["gets no word of", { unserved: ["selfsubjectaccessreviews"] }],
  ])("lets a worker start that %s what its role allows", async (_how, options) => {
    await using server = await startServer(options);
    onJob(server, (job) => createPod(server, job));
    expect(await preflight(server)).toEqual({ envSecrets: true, leases: true });
    expect(log.said()).toEqual([]);
  });

  test("is reached without a version, and without events", async () => {
    await using server = await startServer({ unserved: ["version", "events"] });
    const work = preflight(server);
    await server.until(() => server.callsOf("list", "events").length > 0, "a look at the events");
    for (const job of server.store.list("jobs")) createPod(server, job);
    expect(await work).toEqual({ envSecrets: true, leases: true });
  });

  test("is reached without a version, whatever words it has for what it does not have", async () => {
    await using server = await startServer();
    onJob(server, (job) => createPod(server, job));
    server.fault = ({ verb, resource }) =>
      `${verb} ${resource}` === "get jobs" || resource === "version" ? { status: 404 } : null;
    expect(await preflight(server)).toEqual({ envSecrets: true, leases: true });
  });

  test("and is no API server at all, is not reached", async () => {
    await using server = await startServer();
    server.fault = () => ({ status: 404, message: "no such page" });
    expect(await refusalOf(preflight(server))).toContain(`Cannot reach the cluster at ${server.url}`);
  });

  // Each task failed, although the role allowed to create them.
  test("like Secrets, which a policy refuses, has the variables in its Jobs, unless that must not be", async () => {
    await using server = await startServer();
    onJob(server, (job) => createPod(server, job));
    const message = 'admission webhook "vault" denied the request: no Secrets here';
    server.fault = ({ verb, resource }) =>
      verb === "create" && resource === "secrets" ? { status: 403, message } : null;
    expect(await preflight(server)).toEqual({ envSecrets: false, leases: true });
    expect(log.lines.filter(({ level }) => level === "warn")).toMatchObject([{ fields: { why: message } }]);
    const words = await refusalOf(preflight(server, { taskEnvSecret: "always" }));
    expect(words).toContain(message);
    expect(words).toContain("task_env_secret");
  });

  // All tasks of a worker that was started in such a moment had theirs in plain sight in their Jobs, and with `always` it
  // did not start, although its own Jobs were what filled the quota, and nobody else cleared those away.
  test.each([
    ["used up for the moment is no reason to have none", "used: secrets=10, limited: secrets=10", true],
    ["that allows none is one", "used: secrets=0, limited: secrets=0", false],
  ])("like Secrets by a quota: one %s", async (_which, use, envSecrets) => {
    await using server = await startServer();
    onJob(server, (job) => createPod(server, job));
    const message = `secrets "x-env" is forbidden: exceeded quota: small, requested: secrets=1, ${use}`;
    server.fault = ({ verb, resource }) =>
      verb === "create" && resource === "secrets" ? { status: 403, message } : null;
    expect(await preflight(server)).toMatchObject({ envSecrets });
    const always = preflight(server, { taskEnvSecret: "always" });
    if (envSecrets) expect(await always).toMatchObject({ envSecrets });
    else expect(await refusalOf(always)).toContain(message);
  });

  test("like dry runs, and does what it was only asked about, has nothing of it left", async () => {
    await using server = await startServer({ ignoresDryRun: true });
    onJob(server, (job) => createPod(server, job));
    expect(await preflight(server)).toEqual({ envSecrets: true, leases: true });
    expect(server.store.list("jobs")).toEqual([]);
    expect(server.store.list("secrets")).toEqual([]);
  });
});
