/** Where the demo's tasks run: all that differs between backends. */

export interface Stage extends AsyncDisposable {
  /** For the headline. */
  readonly what: string;
  /** Of the worker's configuration file. */
  readonly backend: Readonly<Record<string, unknown>>;
  /** Over the demo's own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The agent is ours: what it does is promised to the letter. */
  readonly ownAgent: boolean;
  /** More fields of each assignment. */
  readonly assignment: Readonly<Record<string, unknown>>;
  /** What a task left behind, a line each. */
  leftBy(taskId: string): Promise<readonly string[]>;
}
