// Written by hand until openapi.json is there: `npm run types` replaces it.

interface Meta {
  timestamp: string;
  request_id: string;
}
interface Pagination {
  page: number;
  limit: number;
  total: number;
  has_next: boolean;
}
interface Ok<Body> {
  headers: Record<string, unknown>;
  content: { "application/json": Body };
}
interface Get<Query, Body> {
  parameters: { query?: Query; header?: never; path?: never; cookie?: never };
  get: {
    parameters: { query?: Query; header?: never; path?: never; cookie?: never };
    requestBody?: never;
    responses: { 200: Ok<Body> };
  };
}

export interface paths {
  "/api/v1/search": Get<
    { search: string },
    { data: { entity: string; id: string; name: string; url: string; detail: string | null }[]; meta: Meta }
  >;
  "/api/v1/jobs": Get<
    { state?: string[]; limit?: number },
    { data: { id: string; kind: string; title: string; state: string }[]; meta: Meta; pagination: Pagination }
  >;
  "/api/v1/system/metrics": Get<Record<string, never>, { data: Record<string, unknown>; meta: Meta }>;
}

export interface components {
  schemas: {
    StudioEvent:
      | {
          type: "job.progress";
          job_id: string;
          stage: string;
          done: number;
          total: number | null;
          rate: number | null;
          eta_seconds: number | null;
          metrics: Record<string, number>;
        }
      | {
          type: "job.state";
          job_id: string;
          kind: string;
          title: string;
          state: string;
          previous: string | null;
          wanted: string;
          subject: string | null;
        }
      | {
          type: "job.completed";
          job_id: string;
          kind: string;
          title: string;
          failed_items: number;
          entity: string | null;
          entity_id: string | null;
          entity_name: string | null;
        }
      | {
          type: "job.failed";
          job_id: string;
          kind: string;
          title: string;
          code: string;
          message: string;
          remedy: string;
        }
      | { type: "training.metrics"; training_id: string; points: { step: number; loss: number }[] }
      | { type: "training.checkpoint"; training_id: string; step: number; bytes: number }
      | { type: "system.metrics"; sample: Record<string, unknown> }
      | { type: "store.changed"; entity: string; id: string | null };
  };
}
