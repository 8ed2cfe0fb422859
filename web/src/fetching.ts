// Asking the server for rows, as every page gives them by the ending `.json`.

/** The rows at a path; fails where the server does not answer, or answers no. */
export async function fetchRows<Row>(path: string, query: URLSearchParams): Promise<Row[]> {
  const response = await fetch(`${path}?${query}`);
  if (!response.ok) throw new Error(`${path}: the server answers ${response.status}`);
  return (await response.json()) as Row[];
}

/** The same question, asked once: its answer is kept. A failure is not, so that the next call asks again. */
export function once<Answer>(ask: () => Promise<Answer>): () => Promise<Answer> {
  let kept: Promise<Answer> | undefined;
  return () => {
    kept ??= ask().catch((error: unknown) => {
      kept = undefined;
      throw error;
    });
    return kept;
  };
}
