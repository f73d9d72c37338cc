/** An address to listen on: HOST:PORT, [IPV6]:PORT, or :PORT for all addresses of this host. */

import { once } from "./once.ts";
import type { ListenAddress } from "./settings.ts";

export const ADDRESS = "^(?:\\[[0-9A-Fa-f:.]+\\]|[^\\s:\\[\\]/]*):[0-9]{1,5}$";
export const ADDRESS_RULE = 'must be an address such as "127.0.0.1:8152", "[::1]:8152" or ":8152"';

/** Asked by the health command unless told, and so the one to listen on. */
export const SUGGESTED_ADDRESS = "127.0.0.1:8152";

/** Where what is given cannot be listened on. */
export const HEALTH_ADDRESS_HINT = "set health_address (--health-address) to a free address of this host";

const shape = once(() => new RegExp(ADDRESS));

/** Null: not one. */
export function parseAddress(text: string): ListenAddress | null {
  if (!shape().test(text)) return null;
  const cut = text.lastIndexOf(":");
  const port = Number(text.slice(cut + 1));
  if (port > 65_535) return null;
  const host = text.slice(0, cut).replace(/^\[|\]$/g, "");
  return { host: host === "" ? "::" : host, port };
}

/** As it stands in a URL. */
export function addressText({ host, port }: ListenAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
