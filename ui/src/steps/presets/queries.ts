import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap, unwrapPage } from "@/api/client";
import { keys } from "@/api/keys";
import type { components } from "@/api/schema";

type Schemas = components["schemas"];
export type Template = Schemas["TemplateOut"];
export type Given = Schemas["TemplateGiven"];
export type Kind = Template["kind"];

export const templatesQuery = (kind: Kind, search: string) =>
  queryOptions({
    queryKey: keys.templates.list({ kind, search }),
    queryFn: ({ signal }) =>
      unwrapPage(
        api.GET("/api/v1/templates", {
          params: { query: { kind: [kind], limit: 200, ...(search === "" ? {} : { search }) } },
          signal,
        }),
      ),
    // The list has the same shape as the single template, under another of the document's names.
    select: ({ items }) => items as Template[],
    placeholderData: (before) => before,
  });

function useRefresh() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: keys.templates.all });
}

export function useSave() {
  return useMutation({
    mutationFn: ({ id, given }: { id: string | null; given: Given }) =>
      id === null
        ? unwrap(api.POST("/api/v1/templates", { body: given }))
        : unwrap(api.PUT("/api/v1/templates/{template_id}", { params: { path: { template_id: id } }, body: given })),
    onSuccess: useRefresh(),
  });
}

export function useDelete() {
  return useMutation({
    mutationFn: (template: Template) =>
      unwrap(api.DELETE("/api/v1/templates/{template_id}", { params: { path: { template_id: template.id } } })),
    onSuccess: useRefresh(),
  });
}

/** The template as it can be written again: without id and times. */
export function givenOf(template: Template): Given {
  const { kind, name, description, is_favorite, config } = template;
  return { kind, name, description, is_favorite, config } as Given;
}
