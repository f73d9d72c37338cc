/**
 * A real Prometheus scrapes the compiled worker, and its promtool judges what the worker tells and
 * what docs/monitoring makes of it.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { assignments } from "../support/assignments.ts";
import { DirectSite } from "../support/direct-site.ts";
import { findPrometheus, type PrometheusPrograms } from "../support/live-prometheus.ts";
import { TempDir } from "../support/temp-dir.ts";
import { eventually } from "../support/wait.ts";
import type { WorkerProcess } from "../support/worker-process.ts";

const TITLE = "Prometheus";
const MONITORING = resolve(import.meta.dir, "../../docs/monitoring");
const TASKS = 100;

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Rule {
  readonly name: string;
  readonly state: string;
  readonly health: string;
}

function alerts(): Alert[] {
  const document = Bun.YAML.parse(readFileSync(`${MONITORING}/alerts.yaml`, "utf8")) as {
    groups: { rules: Alert[] }[];
  };
  return document.groups.flatMap(({ rules }) => rules);
}

/** Every expression of the dashboard, its variables filled in. */
function dashboardExpressions(): string[] {
  const dashboard: { panels: { targets: { expr: string }[] }[] } = JSON.parse(
    readFileSync(`${MONITORING}/dashboard.json`, "utf8"),
  );
  return dashboard.panels
    .flatMap(({ targets }) => targets.map(({ expr }) => expr))
    .map((expr) => expr.replaceAll("$instance", ".+").replaceAll("$__rate_interval", "1m"));
}

async function metricsUrl(worker: WorkerProcess): Promise<string> {
  const [, url = ""] = await worker.waitForLog(/metrics can be fetched address=(\S+)/);
  return url;
}

class RunningPrometheus implements AsyncDisposable {
  readonly url: string;
  readonly #child: Bun.Subprocess;
  readonly #dir: TempDir;

  private constructor(url: string, child: Bun.Subprocess, dir: TempDir) {
    this.url = url;
    this.#child = child;
    this.#dir = dir;
  }

  static async start({ prometheus }: PrometheusPrograms, target: string): Promise<RunningPrometheus> {
    const dir = await TempDir.create("prometheus");
    const port = freePort();
    const config = {
      global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
      rule_files: [`${MONITORING}/alerts.yaml`],
      scrape_configs: [{ job_name: "oz", static_configs: [{ targets: [target] }] }],
    };
    const child = Bun.spawn(
      [
        prometheus,
        `--config.file=${await dir.write("prometheus.yml", JSON.stringify(config))}`,
        `--storage.tsdb.path=${dir.join("data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdin: "ignore", stdout: "ignore", stderr: "ignore", cwd: dir.path },
    );
    const running = new RunningPrometheus(`http://127.0.0.1:${port}`, child, dir);
    await eventually(async () => (await fetch(`${running.url}/-/ready`)).ok, "Prometheus to be ready");
    return running;
  }

  async query(expr: string): Promise<{ metric: Record<string, string>; value: number }[]> {
    const response = await fetch(`${this.url}/api/v1/query?query=${encodeURIComponent(expr)}`);
    const answer = (await response.json()) as {
      status: string;
      error?: string;
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    if (answer.status !== "success") throw new Error(`${expr}: ${answer.error}`);
    return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(this.url + path);
    const { data } = (await response.json()) as { data: T };
    return data;
  }

  async rules(): Promise<Rule[]> {
    const { groups } = await this.get<{ groups: { rules: Rule[] }[] }>("/api/v1/rules");
    return groups.flatMap((group) => group.rules);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    await this.#dir[Symbol.asyncDispose]();
  }
}

function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const { port } = server;
  void server.stop(true);
  return port ?? 0;
}

const ENVIRONMENT = { OTEL_METRICS_EXPORTER: "prometheus", OTEL_EXPORTER_PROMETHEUS_PORT: "0" };

function declareJudgements(programs: PrometheusPrograms): void {
  test("promtool finds nothing wrong with what the worker tells", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ env: ENVIRONMENT });
    for (const task of assignments(3)) await site.run(task);
    const text = await (await fetch(await metricsUrl(worker))).text();
    const child = Bun.spawn([programs.promtool, "check", "metrics"], {
      stdin: Buffer.from(text),
      stdout: "pipe",
      stderr: "pipe",
    });
    const said = (await child.stdout.text()) + (await child.stderr.text());
    await child.exited;
    // Two of the names that are given break its taste: counters and gauges as such are right.
    expect(said.replace(/^.*no help text.*$/gm, "").trim()).toBe("");
  });

  test("promtool finds nothing wrong with the alert rules", () => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([
      ...[programs.promtool, "check", "rules", `${MONITORING}/alerts.yaml`],
    ]);
    expect([exitCode, stderr.toString()]).toEqual([0, ""]);
    expect(stdout.toString()).toContain(`${alerts().length} rules found`);
  });
}

function declareGoneWorker(programs: PrometheusPrograms): void {
  // With others left nobody was told: the series of one that is gone are not 0 but missing.
  test("promtool sees an alert of one worker of two that is gone, and none of a pod that was replaced", async () => {
    await using dir = await TempDir.create("rules");
    const series = (name: string, instance: string, values: string) => ({
      series: `${name}{job="workers",instance="${instance}"}`,
      values,
    });
    const lasting = ["up", "oz_worker_info"].map((name) => series(name, "a:9464", "1x60"));
    const gone = [series("up", "b:9464", "1x5 0x55"), series("oz_worker_info", "b:9464", "1x5 stale")];
    const replaced = ["up", "oz_worker_info"].map((name) => series(name, "pod:9464", "1x5 stale"));
    const stranger = [series("up", "another:9100", "0x60")];
    const labels = { severity: "critical", job: "workers", instance: "b:9464" };
    const because = alerts().find(({ alert }) => alert === "OzWorkerUnreachable")?.annotations ?? {};
    const told = Object.entries(because).map(([key, text]) => [
      key,
      text.replace("{{ $labels.instance }}", "b:9464"),
    ]);
    const file = await dir.write(
      "rules.json",
      JSON.stringify({
        rule_files: [`${MONITORING}/alerts.yaml`],
        tests: [
          {
            interval: "1m",
            input_series: [...lasting, ...gone, ...replaced, ...stranger],
            alert_rule_test: [
              {
                eval_time: "30m",
                alertname: "OzWorkerUnreachable",
                exp_alerts: [{ exp_labels: labels, exp_annotations: Object.fromEntries(told) }],
              },
              { eval_time: "4m", alertname: "OzWorkerUnreachable", exp_alerts: [] },
            ],
          },
        ],
      }),
    );
    const { exitCode, stdout } = Bun.spawnSync([programs.promtool, "test", "rules", file]);
    expect([exitCode, stdout.toString()]).toEqual([0, expect.stringContaining("SUCCESS")]);
  });
}

function declareScrape(programs: PrometheusPrograms): void {
  test(`a Prometheus that scrapes a worker with ${TASKS} tasks sees all of them, and its rules and the dashboard work`, async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ env: ENVIRONMENT });
    await using prometheus = await RunningPrometheus.start(programs, new URL(await metricsUrl(worker)).host);
    const tasks = assignments(TASKS);
    for (const task of tasks) site.plane.submit(task);
    for (const { task_id } of tasks) await site.plane.waitForTask(task_id);
    await eventually(async () => {
      const [claimed] = await prometheus.query("oz_worker_tasks_claimed_total");
      return claimed?.value === TASKS;
    }, "Prometheus to have seen every task");
    const completed = await prometheus.query('oz_worker_tasks_completed_total{result="succeeded"}');
    expect(completed.map(({ value }) => value)).toEqual([TASKS]);
    expect(await prometheus.query("up")).toMatchObject([{ value: 1 }]);
    expect(await prometheus.query("oz_worker_info")).toMatchObject([
      { metric: { worker_id: "bar", backend: "direct", job: "oz" }, value: 1 },
    ]);
    const types = await prometheus.get<Record<string, { type: string }[]>>("/api/v1/metadata");
    expect(types["oz_worker_task_failures_total"]?.[0]?.type).toBe("counter");
    expect(types["oz_worker_task_duration_seconds"]?.[0]?.type).toBe("histogram");
    for (const expr of dashboardExpressions()) await prometheus.query(expr);
    // What a rule or a panel asks for has to be something that the worker tells, or may tell.
    const known = new Set(await prometheus.get<string[]>("/api/v1/label/__name__/values"));
    const onlyWithImages = /^oz_worker_(?:image_pull|sidecar)_duration_seconds_bucket$/;
    for (const expr of [...dashboardExpressions(), ...alerts().map((each) => each.expr)]) {
      for (const [name] of expr.matchAll(/oz_worker_[a-z_]+/g)) {
        if (!onlyWithImages.test(name)) expect(known).toContain(name);
      }
    }
    // Before the first scrape there was no worker, which one of them noticed.
    const rules = await eventually(async () => {
      const all = await prometheus.rules();
      return all.every(({ state, health }) => state === "inactive" && health === "ok") ? all : null;
    }, "all rules to be evaluated, and none to find fault");
    expect(rules.map(({ name }) => name)).toEqual(alerts().map(({ alert }) => alert));
  });
}

const found = findPrometheus();
if (typeof found !== "string") {
  describe(TITLE, () => {
    declareJudgements(found);
    declareGoneWorker(found);
    declareScrape(found);
  });
} else if (process.env["CI"] === "true") {
  test(TITLE, () => {
    throw new Error(`There is no Prometheus here: ${found}`);
  });
} else {
  process.stderr.write(`skip  ${TITLE}: ${found}\n`);
  test.skip(TITLE, () => undefined);
}
