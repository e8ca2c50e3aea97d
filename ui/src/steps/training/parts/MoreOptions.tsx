import { Disclosure } from "@/kit/Disclosure";
import { plural } from "@/kit/format";
import type { FormValues } from "@/kit/formValues";
import type { FieldDescriptor } from "@/kit/jsonSchema";
import { SchemaForm } from "@/kit/SchemaForm";
import { groupOf, groups, labels, units, whenEmpty } from "../optionNames";

/** They are asked for above; and a transcoder needs a second hook point, which trainings here do not read. */
const hidden = ["tokens", "lr", "sae.architecture", "sae.k", "sae.expansion", "sae.target", "sae.skip"];

interface MoreOptionsProps {
  fields: readonly FieldDescriptor[];
  values: FormValues;
  onChange: (values: FormValues) => void;
  errors: Readonly<Record<string, string>>;
}

/** Every other option, folded away in groups. */
export function MoreOptions({ fields, values, onChange, errors }: MoreOptionsProps) {
  return (
    <div className="mt-5 grid grid-cols-1 gap-2">
      {groups.map((group) => {
        const mine = fields.filter(({ name }) => groupOf(name) === group && !hidden.includes(name));
        const wrong = Object.keys(errors).filter(
          (path) => !hidden.includes(path) && mine.some(({ name }) => name === path.split(".")[0]),
        ).length;
        if (mine.length === 0) return null;
        return (
          <Disclosure
            key={group.title}
            title={group.title}
            description={group.about}
            note={wrong > 0 ? `${plural(wrong, "field")} to mend` : undefined}
            tone={wrong > 0 ? "danger" : "quiet"}
          >
            <SchemaForm
              fields={mine}
              values={values}
              onChange={onChange}
              errors={errors}
              hidden={hidden}
              labels={labels}
              units={units}
              whenEmpty={whenEmpty}
              automatic="chosen by itself"
            />
          </Disclosure>
        );
      })}
    </div>
  );
}
