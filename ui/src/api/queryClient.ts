import { QueryClient } from "@tanstack/react-query";
import { stateOf, useConnection } from "./connection";
import { ApiError } from "./errors";

declare module "@tanstack/react-query" {
  interface Register {
    queryMeta: {
      /** Events keep this query right. While none arrive it is asked for again every so many milliseconds. */
      poll?: number;
    };
  }
}

/** A cache whose live queries poll while the socket is down: `meta: { poll: 2000 }`. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 15_000,
        gcTime: 5 * 60_000,
        refetchOnWindowFocus: false,
        retry: (failures, error) => failures < 2 && error instanceof ApiError && error.retryable,
        retryDelay: (failures) => Math.min(500 * 2 ** failures, 4000),
        refetchInterval: (query) =>
          stateOf(useConnection.getState()) === "live" ? false : (query.meta?.poll ?? false),
      },
    },
  });
}
