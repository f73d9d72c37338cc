/** What no output may show, as far as it is known before anything is said. */
import { hostSecrets } from "../config/host-secrets.ts";
import type { Settings } from "../config/settings.ts";
import { Secrets } from "../logging/secrets.ts";

/** The key, what else the environment holds, the operator's variables. */
export async function knownSecrets(
  settings: Settings,
  environment: Readonly<Record<string, string>>,
): Promise<Secrets> {
  const secrets = new Secrets();
  for (const secret of hostSecrets(environment)) secrets.rememberForGood(secret);
  // It was readable a moment ago; if it no longer is, the connection will say so.
  const key = await settings.key.read().catch(() => null);
  if (key !== null) secrets.rememberKey(key);
  secrets.hide(
    settings.backend.environment.map(({ value }) => value),
    [settings.workerId],
  );
  return secrets;
}
