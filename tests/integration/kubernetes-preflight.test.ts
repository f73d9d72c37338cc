/** The preflight against an API server that refuses what a real one seldom does. */
import { describe, expect, test } from "bun:test";
import { buildPreflightJob } from "../../src/backends/kubernetes/preflight/preflight-job.ts";
import { tryJob } from "../../src/backends/kubernetes/preflight/try-job.ts";
import type { FakeApiServer } from "../support/fake-api-server.ts";
import type { ApiObject } from "../support/fake-api-store.ts";
import { kubernetesSettings, WORKER_ID } from "../unit/backends/kubernetes/sample-settings.ts";
import {
  clusterAt,
  createPod,
  eachTestHasPreflight,
  isDryRun,
  log,
  onJob,
  pki,
  preflight,
  refusalOf,
  startServer,
} from "./preflight-rig.ts";

eachTestHasPreflight();

describe("a cluster that has it all", () => {
  test("passes as soon as the Job has a pod, and nothing is left behind", async () => {
    await using server = await startServer();
    onJob(server, (job) => createPod(server, job));
    expect(await preflight(server)).toEqual({ envSecrets: true, leases: true });
    expect(server.store.list("jobs")).toEqual([]);
    expect(log.said()).toEqual([]);
  });

  test("has nothing left in it when the answer to the trial's creation is lost, or its deletion fails at first", async () => {
    await using server = await startServer();
    let lost = true;
    let failing = 2;
    server.fault = (call) => {
      if (call.resource !== "jobs") return null;
      if (call.verb === "delete" && failing-- > 0) return { status: 503 };
      return call.verb === "create" && !isDryRun(call) && lost ? "lost" : null;
    };
    expect(await refusalOf(preflight(server))).toContain("run the preflight Job");
    expect(server.store.list("jobs")).toEqual([]);
    lost = false;
    failing = 2;
    onJob(server, (job) => createPod(server, job));
    await preflight(server);
    expect(server.store.list("jobs")).toEqual([]);
  });

  test("may be busy at first: a server in the midst of a restart let no worker start", async () => {
    await using server = await startServer();
    onJob(server, (job) => createPod(server, job));
    const answers = new Map([
      ["get version", 503],
      ["create selfsubjectaccessreviews", 429],
      ["create jobs", 429],
      ["list pods", 504],
    ]);
    server.fault = ({ verb, resource }) => {
      const status = answers.get(`${verb} ${resource}`);
      answers.delete(`${verb} ${resource}`);
      return status === undefined ? null : { status, message: "come again" };
    };
    expect(await preflight(server)).toEqual({ envSecrets: true, leases: true });
    expect(server.store.list("jobs")).toEqual([]);
    expect(log.said("debug").filter((line) => line.includes("is busy"))).toHaveLength(4);
  });

  test("is tried with the template's pod, a container of root and one that does nothing", async () => {
    await using server = await startServer();
    let tried: ApiObject = null;
    onJob(server, (job) => {
      tried = job;
      createPod(server, job);
    });
    await preflight(server, {
      extraLabels: { team: "x" },
      podTemplate: {
        nodeSelector: { disk: "ssd" },
        restartPolicy: "Always",
        containers: [{ name: "task", securityContext: { runAsUser: 7 } }],
      },
    });
    expect(tried.metadata.name).toMatch(/^oz-preflight-[0-9a-f]{16}-[0-9]{19}$/);
    expect(tried.spec.template.metadata.labels).toMatchObject({ team: "x" });
    const { containers, initContainers, ...pod } = tried.spec.template.spec;
    expect(pod).toEqual({ nodeSelector: { disk: "ssd" }, restartPolicy: "Never", volumes: [] });
    const common = { image: "busybox:1.36", command: ["true"], resources: { requests: { cpu: "10m" } } };
    // In a namespace whose policy asks for one, it would be refused without.
    const securityContext = { runAsUser: 7 };
    expect(containers).toEqual([
      { name: "main", imagePullPolicy: "IfNotPresent", securityContext, ...common },
    ]);
    expect(initContainers).toMatchObject([{ ...common, securityContext: { runAsUser: 0, runAsGroup: 0 } }]);
  });
});

describe("a role that allows too little", () => {
  test("is named verb by verb, and nothing is created", async () => {
    const forbidden = ["watch jobs", "delete jobs", "list pods", "get pods"];
    await using server = await startServer({ forbidden });
    const words = await refusalOf(preflight(server));
    expect(words).toContain('namespace "agents"');
    expect(words).toContain("watch, delete jobs.batch; get, list pods");
    expect(server.callsOf("create", "jobs")).toEqual([]);
  });

  test("may lack Leases, with one warning that names what to grant", async () => {
    await using server = await startServer({ forbidden: ["create leases", "patch jobs"] });
    onJob(server, (job) => createPod(server, job));
    expect(await preflight(server)).toEqual({ envSecrets: true, leases: false });
    expect(log.lines.filter(({ level }) => level === "warn").map(({ fields }) => fields["grant"])).toEqual([
      "patch jobs.batch; create leases.coordination.k8s.io",
    ]);
  });

  test.each([
    ["auto", { envSecrets: false }, 1],
    ["never", { envSecrets: false }, 0],
  ] as const)(
    "to create Secrets keeps none with task_env_secret %s",
    async (taskEnvSecret, result, warnings) => {
      await using server = await startServer({ forbidden: ["create secrets"] });
      onJob(server, (job) => createPod(server, job));
      expect(await preflight(server, { taskEnvSecret })).toMatchObject(result);
      expect(log.said("warn")).toHaveLength(warnings);
    },
  );

  test("to delete Secrets costs nothing but a warning that names it", async () => {
    await using server = await startServer({ forbidden: ["delete secrets"] });
    onJob(server, (job) => createPod(server, job));
    expect(await preflight(server)).toMatchObject({ envSecrets: true });
    expect(log.said("warn")).toHaveLength(1);
    expect(JSON.stringify(log.lines)).toContain("delete secrets");
  });

  test("to create Secrets is not made use of with task_env_secret never", async () => {
    await using server = await startServer();
    onJob(server, (job) => createPod(server, job));
    expect(await preflight(server, { taskEnvSecret: "never" })).toMatchObject({ envSecrets: false });
  });

  test("to create Secrets is refused with task_env_secret always", async () => {
    await using server = await startServer({ forbidden: ["create secrets"] });
    expect(await refusalOf(preflight(server, { taskEnvSecret: "always" }))).toContain("create secrets");
  });
});

describe("a cluster that takes no such Jobs", () => {
  test("has its words and the line of the file in the error", async () => {
    await using server = await startServer();
    const configFile = await pki.dir.write(
      "worker.yaml",
      "backend:\n  kubernetes:\n    pod_template:\n      nodeSelector:\n        disk: 5\n",
    );
    const message =
      "json: cannot unmarshal number into Go struct field PodSpec.spec.template.spec.nodeSelector";
    server.fault = (call) => (isDryRun(call) ? { status: 400, message } : null);
    const settings = { configFile, podTemplate: { nodeSelector: { disk: 5 } } };
    const words = await refusalOf(preflight(server, settings));
    expect(words).toContain(`${configFile}:5:9: `);
    expect(words).toContain("backend.kubernetes.pod_template");
    expect(words).toContain(message);
    expect(server.store.list("jobs")).toEqual([]);
  });

  test("as the preflight's own names the setting that it was made from", async () => {
    await using server = await startServer();
    const configFile = await pki.dir.write(
      "resources.yaml",
      "backend:\n  kubernetes:\n    preflight_resources: {requests: {cpu: 2}, limits: {cpu: 1}}\n",
    );
    const message = 'spec.template.spec.containers[0].resources.requests: Invalid value: "2": too much';
    server.fault = (call) => {
      const isReal = call.verb === "create" && call.resource === "jobs" && !isDryRun(call);
      return isReal ? { status: 422, message } : null;
    };
    const words = await refusalOf(preflight(server, { configFile }));
    expect(words).toContain(`${configFile}:3:26: `);
    expect(words).toContain("backend.kubernetes.preflight_resources");
    expect(words).toContain(message);
  });

  test("because there is no such namespace says which", async () => {
    await using server = await startServer();
    server.fault = (call) => {
      return call.verb === "create" && call.resource === "jobs"
        ? { status: 404, message: "no namespace" }
        : null;
    };
    const words = await refusalOf(preflight(server));
    expect(words).toContain('namespace "agents": no namespace');
    expect(words).toContain("check that the namespace exists, and its RBAC, admission");
  });

  test("even to try is tried for real", async () => {
    await using server = await startServer();
    onJob(server, (job) => createPod(server, job));
    const message = 'admission webhook "w" does not support dry run';
    server.fault = (call) => (isDryRun(call) ? { status: 400, message } : null);
    expect(await preflight(server)).toMatchObject({ envSecrets: true });
  });
});

describe("a cluster that makes no pods", () => {
  test.each(["uid", "name"])(
    "because it refuses them says why, and the Job is taken away: by its %s",
    async (by) => {
      await using server = await startServer();
      const others = { metadata: { name: "o" }, involvedObject: { name: "another", uid: "another" } };
      server.store.create("events", { ...others, reason: "FailedCreate", message: "of no account" });
      onJob(server, ({ metadata }) => {
        const event = { metadata: { name: "e" }, involvedObject: { [by]: metadata[by] } };
        server.store.create("events", { ...event, reason: "FailedCreate", message: "violates PodSecurity" });
      });
      const words = await refusalOf(preflight(server));
      expect(words).toContain("violates PodSecurity");
      expect(words).toContain('namespace "agents"');
      expect(server.store.list("jobs")).toEqual([]);
    },
  );

  const tryBriefly = async (server: FakeApiServer) => {
    const job = buildPreflightJob({ settings: kubernetesSettings(), workerId: WORKER_ID, nanoseconds: 1n });
    await tryJob(await clusterAt(server), job, {
      toTheEnd: false,
      unschedulableTimeoutMs: null,
      limits: { podWithinMs: 1, endWithinMs: 1 },
      signal: new AbortController().signal,
      log,
    });
  };

  // Once: a worker could not be started again as long as the queue was full, perhaps of its own tasks.
  test("because a full queue holds them back is no reason not to start", async () => {
    await using server = await startServer();
    onJob(server, ({ metadata }) => {
      const conditions = [{ type: "Suspended", status: "True" }];
      server.store.patch("jobs", metadata.name, { status: { conditions } });
    });
    await tryBriefly(server);
    expect(log.said("warn")).toEqual([expect.stringContaining("a queue holds the preflight Job back")]);
    expect(server.store.list("jobs")).toEqual([]);
  });

  test("without a word is given up after a time", async () => {
    await using server = await startServer();
    const words = await refusalOf(tryBriefly(server));
    expect(words).toContain("got no pod");
    expect(words).toContain("RBAC, admission policies and quotas");
    expect(server.store.list("jobs")).toEqual([]);
  });

  test("lets the start be called off, and the Job is taken away all the same", async () => {
    await using server = await startServer();
    const stopping = new AbortController();
    const work = preflight(server, {}, stopping.signal);
    await server.until(() => server.callsOf("list", "events").length > 0, "a look at the events");
    const reason = new Error("stopped by the test");
    stopping.abort(reason);
    expect(await work.catch((error: unknown) => error)).toBe(reason);
    expect(server.callsOf("delete", "jobs")).toHaveLength(1);
    expect(server.store.list("jobs")).toEqual([]);
  });
});

describe("image volumes", () => {
  test("are tried to the end of the Job, without root", async () => {
    await using server = await startServer();
    onJob(server, (job) => {
      expect(job.spec.template.spec).not.toHaveProperty("initContainers");
      const reference = { reference: "busybox:1.36", pullPolicy: "IfNotPresent" };
      expect(job.spec.template.spec.volumes).toEqual([{ name: "sidecar-image", image: reference }]);
      createPod(server, job);
    });
    const work = preflight(server, { useImageVolumes: true });
    const [job] = await server.until(() => {
      return server.callsOf("list", "pods").length > 1 && server.store.list("jobs");
    }, "a second look at the pods");
    server.store.patch("jobs", job.metadata.name, {
      status: { conditions: [{ type: "Complete", status: "True" }] },
    });
    expect(await work).toMatchObject({ leases: true });
    expect(server.store.list("jobs")).toEqual([]);
  });

  // Its Job was tried anew, and after the first 15 s of that, which an image may need to be pulled, no worker started.
  test("are tried with one Job although the server is busy when it is asked how that does", async () => {
    await using server = await startServer();
    onJob(server, (job) => createPod(server, job, { phase: "Failed" }));
    const answers = new Map([
      ["get jobs", 503],
      ["list events", 429],
    ]);
    server.fault = ({ verb, resource }) => {
      const status = answers.get(`${verb} ${resource}`);
      answers.delete(`${verb} ${resource}`);
      return status === undefined ? null : { status };
    };
    const work = refusalOf(preflight(server, { useImageVolumes: true }));
    const [job] = await server.until(() => answers.size === 1 && server.store.list("jobs"), "a busy answer");
    const failed = { type: "Failed", status: "True", reason: "BackoffLimitExceeded" };
    server.store.patch("jobs", job.metadata.name, { status: { conditions: [failed] } });
    expect(await work).toContain("BackoffLimitExceeded");
    expect(answers.size).toBe(0);
    expect(server.callsOf("create", "jobs").filter((call) => !isDryRun(call))).toHaveLength(1);
  });

  // It was said to switch them off, whatever kept their Job from its end.
  test.each([
    [
      "whose image is not to be had",
      "preflight_image",
      {
        containerStatuses: [{ name: "main", state: { waiting: { reason: "ErrImagePull", message: "no" } } }],
      },
    ],
    [
      "for which no node has room",
      "preflight_resources",
      {
        conditions: [
          {
            type: "PodScheduled",
            status: "False",
            reason: "Unschedulable",
            lastTransitionTime: "2026-01-01T00:00:00Z",
          },
        ],
      },
    ],
  ])("are not to blame for a Job %s", async (_which, setting, status) => {
    await using server = await startServer();
    onJob(server, (job) => createPod(server, job, { phase: "Pending", ...status }));
    const words = await refusalOf(preflight(server, { useImageVolumes: true }));
    expect(words).toContain(`backend.kubernetes.${setting}`);
    expect(words).not.toContain("use_image_volumes");
  });

  test("that the node cannot mount are an error that says what to switch off", async () => {
    await using server = await startServer();
    const waiting = { reason: "CreateContainerError", message: 'failed to mkdir ""' };
    const containerStatuses = [{ name: "main", state: { waiting } }];
    onJob(server, (job) => createPod(server, job, { phase: "Pending", containerStatuses }));
    const words = await refusalOf(preflight(server, { useImageVolumes: true }));
    expect(words).toContain('failed to mkdir ""');
    expect(words).toContain("use_image_volumes");
    expect(server.store.list("jobs")).toEqual([]);
  });
});

test("a server that does not tell the worker its version is reached all the same", async () => {
  await using server = await startServer();
  server.fault = ({ resource }) => (resource === "version" ? { status: 403, reason: "Forbidden" } : null);
  onJob(server, (job) => createPod(server, job));
  expect(await preflight(server)).toMatchObject({ envSecrets: true });
});

test("a server that does not know the worker is told from one that is not there", async () => {
  await using server = await startServer({ authorize: () => false });
  expect(await refusalOf(preflight(server))).toContain("does not know the worker");
  await server.away();
  const words = await refusalOf(preflight(server));
  expect(words).toContain(`Cannot reach the cluster at ${server.url}`);
  expect(words).toContain("check the address");
});
