import { useEffect, useState } from 'preact/hooks';

import type { Api } from '../api/client';
import { useAsked, type Cost, costOf } from '../api/hooks';
import type { GroupColumn, Statistics, StatisticsParameters } from '../api/types';
import { Failure } from '../ui/Failure';
import { Untrusted } from '../ui/Untrusted';
import type { Field } from '../view/fields';
import { count } from '../view/text';

interface Panel {
  title: string;
  columns: { column: GroupColumn; label: string; field: Field }[];
}

const PANELS: Panel[] = [
  {
    title: 'Top users',
    columns: [
      { column: 'actor_email', label: 'by e-mail', field: 'actor_email' },
      { column: 'actor_id', label: 'by id', field: 'actor' },
      { column: 'source_ip', label: 'by IP address', field: 'source_ip' },
    ],
  },
  {
    title: 'Top actions',
    columns: [
      { column: 'action', label: 'by name', field: 'action' },
      { column: 'category', label: 'by category', field: 'category' },
      { column: 'source', label: 'by source', field: 'source' },
    ],
  },
  {
    title: 'Top resources',
    columns: [
      { column: 'resource_id', label: 'by id', field: 'resource_id' },
      { column: 'resource_type', label: 'by type', field: 'resource_type' },
    ],
  },
];

/** Values of a panel. */
const SHOWN = 6;

interface Properties {
  api: Api;
  /** What the page asks, without limits of its own. */
  parameters: StatisticsParameters;
  /** Changes when the question does. */
  questionKey: string;
  onFilter: (field: Field, exclude: boolean, value: string) => void;
  onCost: (panel: string, cost: Cost | null) => void;
}

/** Who, what and on what, most often. */
export function TopValues({ api, parameters, questionKey, onFilter, onCost }: Properties) {
  return (
    <section class="top-values" aria-label="Most frequent values">
      {PANELS.map((panel) => (
        <TopPanel key={panel.title} panel={panel} api={api} parameters={parameters} questionKey={questionKey} onFilter={onFilter} onCost={onCost} />
      ))}
    </section>
  );
}

function TopPanel({ panel, api, parameters, questionKey, onFilter, onCost }: Properties & { panel: Panel }) {
  const [chosen, setChosen] = useState(0);
  const by = panel.columns[chosen] ?? panel.columns[0];
  const column = by?.column ?? 'action';
  const { data, error, isLoading } = useAsked<Statistics>(`${questionKey} ${column}`, (asking) =>
    api.statistics({ ...parameters, group_by: column, limit: SHOWN + 1 }, asking),
  );
  useEffect(() => onCost(panel.title, data === null ? null : costOf(data)), [data]);
  const counts = (data?.counts ?? []).filter(({ value }) => value !== null && value !== undefined && value !== '').slice(0, SHOWN);
  const most = Math.max(1, ...counts.map((one) => one.count));
  return (
    <div class="top-panel" aria-busy={isLoading}>
      <div class="top-head">
        <h2>{panel.title}</h2>
        <select aria-label={`${panel.title}: group by`} value={String(chosen)} onChange={(event) => setChosen(Number(event.currentTarget.value))}>
          {panel.columns.map(({ column: name, label }, index) => (
            <option key={name} value={String(index)}>
              {label}
            </option>
          ))}
        </select>
      </div>
      {error !== null && <Failure error={error} compact />}
      {error === null && counts.length === 0 && <p class="quiet">{isLoading ? 'Counting…' : 'No values'}</p>}
      <ol class={isLoading ? 'is-former' : ''}>
        {counts.map(({ value, count: total, actor_directory: known }) => (
          <li key={value}>
            <button type="button" class="top-value" title={value ?? ''} onClick={() => by && onFilter(by.field, false, value ?? '')}>
              <span class="top-bar" style={{ width: `${(100 * total) / most}%` }} aria-hidden="true" />
              <span class="top-name">
                <Untrusted text={(value ?? '').slice(0, 200)} />
                {known !== undefined && (
                  <span class="quiet">
                    {' '}
                    <Untrusted text={known.name ?? known.email ?? ''} />
                  </span>
                )}
              </span>
              <span class="top-count">{count(total)}</span>
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}
