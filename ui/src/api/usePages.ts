import { type UseQueryOptions, useQueries } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import type { Paged } from "./client";

/** Scrolling past a page quicker than this does not ask for it. */
const SETTLE_MS = 80;

/**
 * A long list, page by page as it comes into sight: the `rows` of a DataTable. `page` counts from 1 and must ask for
 * `limit` items; its options are made by the step's queries.ts. A change of filters changes its keys.
 */
export function usePages<Data extends Paged<unknown>, Key extends readonly unknown[]>(
  page: (page: number, limit: number) => UseQueryOptions<Data, Error, Data, Key>,
  limit = 100,
) {
  type Item = Data["items"][number];
  const [[first, last], setPages] = useState<readonly [number, number]>([1, 1]);
  const [seen, setSeen] = useState<readonly [number, number]>([1, 1]);
  useEffect(() => {
    const timer = setTimeout(() => setPages(seen), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [seen]);
  const wanted = useMemo(() => Array.from({ length: last - first + 1 }, (_, place) => first + place), [first, last]);
  const results = useQueries({ queries: wanted.map((number) => page(number, limit)) });

  const known = results.find(({ data }) => data !== undefined)?.data;
  const [total, setTotal] = useState(0);
  if (known !== undefined && known.pagination.total !== total) setTotal(known.pagination.total);

  const onRange = useCallback(
    (from: number, end: number) => {
      const next = [Math.floor(from / limit) + 1, Math.floor(Math.max(from, end - 1) / limit) + 1] as const;
      setSeen((before) => (before[0] === next[0] && before[1] === next[1] ? before : next));
    },
    [limit],
  );
  const failed = results.find(({ isError }) => isError);
  return {
    rows: {
      total,
      rowAt: (index: number): Item | undefined =>
        results[Math.floor(index / limit) + 1 - first]?.data?.items[index % limit],
      onRange,
    },
    total,
    estimated: known?.pagination.estimated ?? false,
    isLoading: total === 0 && results.some(({ isLoading }) => isLoading),
    error: failed?.error ?? null,
    retry: () => void Promise.all(results.filter(({ isError }) => isError).map(({ refetch }) => refetch())),
  };
}
