/** A hook point as a person says it: `resid_post.15` → “Residual stream after layer 15”. Others stay as they are. */
export function hookInWords(hook: string): string {
  const [, site = "", layer = ""] = /^(\w+)\.(\d+)$/.exec(hook) ?? [];
  return sites[site]?.replace("{}", layer) ?? hook;
}

const sites: Record<string, string> = {
  resid_pre: "Residual stream before layer {}",
  resid_post: "Residual stream after layer {}",
  resid_mid: "Residual stream inside layer {}, between attention and MLP",
  mlp_in: "Input of the MLP of layer {}",
  mlp_out: "Output of the MLP of layer {}",
  attn_out: "Output of the attention of layer {}",
  attn_z: "Attention heads of layer {}",
};
