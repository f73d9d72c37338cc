/**
 * Starts what the live tests need, tells them by their environment, and stops it again.
 *
 *   bun scripts/services/start-services.ts [--only NAME]... -- COMMAND...
 *
 * for one test file by hand; `scripts/test live` does the same for all of them.
 */
import { BadUsage, readArguments, requireKnown, runScript } from "../command-line.ts";
import { clusterService } from "./cluster-service.ts";
import { engineService, registryService } from "./docker-service.ts";
import { type RunningService, type Service, Unavailable } from "./service.ts";

/** What cannot run here has its reason in a variable of this beginning. */
const WITHOUT = "OZ_TEST_WITHOUT_";
/** The one reason that is nobody's failure. */
export const LEFT_OUT = "left out by --only";

export function liveServices(): Service[] {
  const engines = (["debian", "modern", "podman"] as const).map(engineService);
  return [...engines, registryService(), clusterService()];
}

/** `docker-modern` -> OZ_TEST_WITHOUT_DOCKER_MODERN */
export function absenceVariable(name: string): string {
  return WITHOUT + name.toUpperCase().replaceAll("-", "_");
}

/** All at once. One that does not start costs the tests that need it, and they say why. */
export async function startServices(
  services: readonly Service[],
  write: (text: string) => void,
): Promise<RunningService> {
  exemptLoopback();
  const started = await Promise.allSettled(services.map((service) => service.start()));
  const running = new AsyncDisposableStack();
  const env: Record<string, string> = {};
  for (const [index, result] of started.entries()) {
    const name = services[index]?.name ?? "";
    if (result.status === "fulfilled") {
      running.use(result.value);
      Object.assign(env, result.value.env);
    } else {
      const why = result.reason instanceof Error ? result.reason.message : String(result.reason);
      env[absenceVariable(name)] = why;
      write(`${result.reason instanceof Unavailable ? "skip" : "FAIL"}  ${name}: ${why}\n`);
    }
  }
  return { env, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** No proxy between the tests and what runs for them; whatever is started inherits it. */
function exemptLoopback(): void {
  const exempt = [process.env["NO_PROXY"] ?? process.env["no_proxy"], "127.0.0.1", "localhost"];
  const list = exempt.filter(Boolean).join(",");
  process.env["NO_PROXY"] = list;
  process.env["no_proxy"] = list;
}

const USAGE = "bun scripts/services/start-services.ts [--only NAME]... -- COMMAND...";

async function main(): Promise<number> {
  const { values, positionals: command } = readArguments(
    { options: { only: { type: "string", multiple: true, default: [] } }, allowPositionals: true },
    USAGE,
  );
  const all = liveServices();
  requireKnown(
    "service",
    values.only,
    all.map(({ name }) => name),
  );
  if (command.length === 0) throw new BadUsage(`There is no command to run\nusage: ${USAGE}`);
  const wanted = ({ name }: Service) => values.only.length === 0 || values.only.includes(name);
  const services = all.filter(wanted);
  const others = all.filter((service) => !wanted(service));
  const leftOut = Object.fromEntries(others.map(({ name }) => [absenceVariable(name), LEFT_OUT]));
  await using running = await startServices(services, (text) => void process.stderr.write(text));
  const child = Bun.spawn(command, {
    env: { ...process.env, ...leftOut, ...running.env },
    stdio: ["inherit", "inherit", "inherit"],
  });
  // Both have the terminal's signals; the services are stopped after the command has ended.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  return await child.exited;
}

if (import.meta.main) await runScript("start-services", main);
