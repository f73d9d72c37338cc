/** The one place that names the database itself. */
import type { DatabaseSync } from "node:sqlite";

/** Not imported: it is opened when the handshake is on its way, and a start would wait for it. */
export function newDatabase(file: string): DatabaseSync {
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  return new DatabaseSync(file);
}
