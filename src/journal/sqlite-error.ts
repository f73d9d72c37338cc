/** What SQLite says of an error, by its own result codes (sqlite.org/rescode.html). */

export const SQLITE = { busy: 5, corrupt: 11, notADatabase: 26 } as const;

/** Null: it is not one of SQLite's. */
export function sqliteCodeOf(error: unknown): number | null {
  const code = error instanceof Error && "errcode" in error ? error.errcode : null;
  return typeof code === "number" ? code : null;
}
