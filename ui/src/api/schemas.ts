import { queryOptions } from "@tanstack/react-query";
import { request } from "./client";
import { keys } from "./keys";

/** The studio's own OpenAPI document: forms are drawn from its schemas. Asked for once. */
export const openapiQuery = queryOptions({
  queryKey: keys.openapi,
  queryFn: async ({ signal }) => (await (await request("/api/openapi.json", { signal })).json()) as OpenApiDocument,
  staleTime: Infinity,
});

export interface OpenApiDocument {
  components: { schemas: Record<string, object> };
}
