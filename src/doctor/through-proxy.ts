/** Which proxy is in the way, for people. `proxy` is a URL, credentials included; null: there is none. */
import { addressOf } from "../runtime/proxy.ts";

export function throughProxy(proxy: string | null): string {
  if (proxy === null) return "without a proxy";
  const url = new URL(proxy);
  return `through the proxy ${url.hostname}:${addressOf(url).port}`;
}
