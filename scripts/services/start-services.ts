/**
 * Starts what the live tests need, tells them by their environment, and stops it again.
 *
 *   bun scripts/services/start-services.ts [--only NAME]... -- COMMAND...
 *
 * for one test file by hand; `scripts/test live` does the same for all of them.
 */
import { engineService, registryService } from "./docker-service.ts";
import { type RunningService, type Service, Unavailable } from "./service.ts";

/** What cannot run here has its reason in a variable of this beginning. */
const WITHOUT = "OZ_TEST_WITHOUT_";

export function liveServices(): Service[] {
  return [engineService("debian"), engineService("modern"), registryService()];
}

/** `docker-modern` -> OZ_TEST_WITHOUT_DOCKER_MODERN */
export function absenceVariable(name: string): string {
  return WITHOUT + name.toUpperCase().replaceAll("-", "_");
}

/** All at once. What cannot run here costs only itself; a defect ends those that did start. */
export async function startServices(
  services: readonly Service[],
  write: (text: string) => void,
): Promise<RunningService> {
  const started = await Promise.allSettled(services.map((service) => service.start()));
  await using stack = new AsyncDisposableStack();
  const env: Record<string, string> = {};
  const defects: unknown[] = [];
  for (const [index, result] of started.entries()) {
    const name = services[index]?.name ?? "";
    if (result.status === "fulfilled") {
      stack.use(result.value);
      Object.assign(env, result.value.env);
    } else if (result.reason instanceof Unavailable) {
      env[absenceVariable(name)] = result.reason.message;
      write(`skip  ${name}: ${result.reason.message}\n`);
    } else {
      defects.push(result.reason);
    }
  }
  if (defects.length > 0) throw new AggregateError(defects, defects.map(String).join("\n"));
  const running = stack.move();
  return { env, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function main(argv: readonly string[]): Promise<number> {
  const end = argv.indexOf("--");
  const names = argv.slice(0, Math.max(end, 0)).filter((word) => word !== "--only");
  const services = liveServices().filter(({ name }) => names.length === 0 || names.includes(name));
  await using running = await startServices(services, (text) => void process.stderr.write(text));
  const child = Bun.spawn(argv.slice(end + 1), {
    env: { ...process.env, ...running.env },
    stdio: ["inherit", "inherit", "inherit"],
  });
  // Both have the terminal's signals; the services are stopped after the command has ended.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  return await child.exited;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
