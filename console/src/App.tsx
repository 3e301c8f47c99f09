import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';

import type { Api } from './api/client';
import { costOf, sumOfCosts, useAsked, useEvents, type Cost } from './api/hooks';
import type { Event, EventParameters, Statistics, StatisticsParameters } from './api/types';
import { AnswerBar } from './AnswerBar';
import { sizeFor } from './chart/buckets';
import { Timeline } from './chart/Timeline';
import { TopValues } from './chart/TopValues';
import { EventDetails } from './events/EventDetails';
import { EventTable, isOpen } from './events/EventTable';
import { ExportDialog } from './exports/ExportDialog';
import type { Exports } from './exports/exports';
import { FilterPanel } from './filters/FilterPanel';
import { Header } from './Header';
import type { Session, SignIn } from './session/session';
import { applyTheme, forgetQuestions, isRecents, isTheme, RECENTS, useStored, withRecent, type Recent, type Theme } from './session/preferences';
import type { Settings } from './session/settings';
import { ChooseOrganization } from './states/ChooseOrganization';
import { Expired, NoPermission, SignedOut } from './states/Access';
import { FirstLoad, NothingFound, Slow } from './states/Answers';
import { Shortcuts } from './states/Shortcuts';
import { Failure } from './ui/Failure';
import { useMedia } from './ui/media';
import type { Field, FieldDescription } from './view/fields';
import { useView } from './view/router';
import { rangeLabel, rangeParameters, spanAt } from './view/time';
import { countValues, filterParameters, formatView, summary, withValue, withValues, type Filter, type OpenEvent, type View } from './view/view';

interface Properties {
  api: Api;
  settings: Settings;
  session: Session;
  exports: Exports;
}

/** Time before and after an event that "around this time" shows (milliseconds). */
const AROUND = 5 * 60_000;
/** Values that are suggested for a filter. */
const SUGGESTIONS = 50;

/** Where the sign-in stands, now and whenever it changes. */
function useSignIn(session: Session): SignIn {
  const [signIn, setSignIn] = useState(session.signIn);
  useEffect(() => {
    setSignIn(session.signIn);
    return session.subscribe(setSignIn);
  }, [session]);
  return signIn;
}

function openEvent(event: Event): OpenEvent {
  return { id: event.event_id, at: event.event_time, source: event.source };
}

/** The page: who may see it, and whose log. */
export function App(properties: Properties) {
  const { settings, session } = properties;
  const signIn = useSignIn(session);
  const [view, navigate] = useView();
  const [theme, setTheme] = useStored<Theme>('theme', 'system', isTheme);
  useEffect(() => applyTheme(theme), [theme]);
  const organization = view.organization ?? settings.organization;
  const header = (
    <Header
      settings={settings}
      signIn={signIn}
      organization={organization}
      zone={view.zone}
      theme={theme}
      onOrganization={(next) => navigate({ organization: next, open: null })}
      onZone={(zone) => navigate({ zone }, 'replace')}
      onTheme={setTheme}
      onSignOut={() => {
        forgetQuestions();
        void session.signOut();
      }}
    />
  );
  if (signIn.state === 'signed-out') {
    return (
      <>
        {header}
        <SignedOut problem={signIn.problem} onSignIn={() => void session.redirectToSignIn()} />
      </>
    );
  }
  if (settings.must_name_organization && organization === null) {
    return (
      <>
        {header}
        <ChooseOrganization
          known={settings.organizations}
          hint="Nothing recorded yet. Enter a name to get a command that sends its first event."
          onChoose={(chosen) => navigate({ organization: chosen })}
        />
      </>
    );
  }
  return (
    <>
      {header}
      <Log {...properties} view={view} navigate={navigate} organization={organization} theme={theme} signIn={signIn} />
      {signIn.state === 'expired' && <Expired name={signIn.name} onSignIn={() => void session.redirectToSignIn()} />}
    </>
  );
}

interface LogProperties extends Properties {
  view: View;
  navigate: ReturnType<typeof useView>[1];
  organization: string | null;
  theme: Theme;
  signIn: SignIn;
}

/** The audit log of one organization. */
function Log({ api, settings, exports, view, navigate, organization, theme, signIn }: LogProperties) {
  const { filters, range, order, zone, open } = view;
  // One moment for all questions of a look at the log: the list, the chart and the counts then speak of the same range.
  const [now, setNow] = useState(Date.now);
  const [dialog, setDialog] = useState<'export' | 'shortcuts' | null>(null);
  const [recents, setRecents] = useStored<Recent[]>(RECENTS, [], isRecents);
  const isDark = useMedia('(prefers-color-scheme: dark)');
  const showsTop = view.top ?? false;

  const span = useMemo(() => spanAt(range, now), [JSON.stringify(range), now]);
  const question = useMemo(
    () => ({ ...(organization === null ? {} : { organization }), ...rangeParameters(range, now), ...filterParameters(filters) }) as EventParameters,
    [organization, span, JSON.stringify(filters)],
  );
  // A refresh asks again, whether or not the question moves with the clock.
  const key = `${JSON.stringify(question)} ${now}`;
  const size = sizeFor(span, now);

  const list = useEvents(api, `${key} ${order}`, order === 'asc' ? { ...question, order } : question);
  const isAllowed = list.error?.status !== 403;
  const counted = useAsked<Statistics>(isAllowed ? `${key} ${size.interval}` : null, (asking) =>
    api.statistics({ ...(question as StatisticsParameters), interval: size.interval, group_by: 'outcome', limit: 10 }, asking),
  );
  const [topCosts, setTopCosts] = useState<Record<string, Cost | null>>({});
  const onTopCost = useCallback((panel: string, cost: Cost | null) => setTopCosts((former) => ({ ...former, [panel]: cost })), []);
  const cost = sumOfCosts([list.cost, counted.data && costOf(counted.data), ...(showsTop ? Object.values(topCosts) : [])]);

  // Filters that found an answer are worth remembering.
  useEffect(() => {
    if (list.first === null || list.isLoading || countValues(filters) === 0) return;
    const search = formatView({ ...view, open: null, organization: null });
    setRecents(withRecent(recents, { search, label: `${summary(filters)}, ${rangeLabel(range, zone).toLowerCase()}` }));
  }, [list.first]);

  const refresh = useCallback(() => setNow(Date.now()), []);
  const setFilters = (next: Filter[]) => navigate({ filters: next });
  const addFilter = (field: Field, exclude: boolean, value: string) => setFilters(withValue(filters, field, exclude, value));
  const show = (event: Event) => navigate({ open: openEvent(event) }, open === null ? 'push' : 'replace');
  const close = () => {
    navigate({ open: null });
    document.querySelector<HTMLElement>('[role=grid]')?.focus({ preventScroll: true });
  };

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLElement && event.target.matches('input, select, textarea');
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === '?') setDialog('shortcuts');
      if (event.key === 'r') refresh();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [refresh]);

  const suggest = (description: FieldDescription) => {
    const { column, field } = description;
    if (column === undefined) return null;
    return async () => {
      // What is there besides the conditions on the column itself.
      const others = withValues(withValues(filters, field, false, []), field, true, []);
      const parameters = { ...(organization === null ? {} : { organization }), ...rangeParameters(range, now), ...filterParameters(others) };
      const found = await api.statistics({ ...parameters, group_by: column, limit: SUGGESTIONS } as StatisticsParameters, {
        signal: AbortSignal.timeout(20_000),
      });
      return found.counts.flatMap(({ value, count }) => (value === null || value === '' ? [] : [{ value, count }]));
    };
  };

  // An operator, who may read the log of any organization, has to say whose.
  if (list.error?.status === 400 && organization === null && list.error.fields.some(({ field }) => field === 'organization')) {
    return <ChooseOrganization known={[]} onChoose={(chosen) => navigate({ organization: chosen })} />;
  }
  if (list.error?.status === 403) return <NoPermission settings={settings} signIn={signIn} detail={list.error.detail} />;

  const index = list.events.findIndex((event) => isOpen(event, open));
  const previous = index > 0 ? list.events[index - 1] : undefined;
  const next = index >= 0 ? list.events[index + 1] : undefined;
  const label = countValues(filters) > 0 ? `${summary(filters)}, ${rangeLabel(range, zone).toLowerCase()}` : rangeLabel(range, zone);
  const hasEvents = list.events.length > 0;
  return (
    <div class={open === null ? 'page' : 'page has-details'}>
      <main>
        <h1 class="visually-hidden">Audit log{organization === null ? '' : ` of ${organization}`}</h1>
        <FilterPanel
          filters={filters}
          range={range}
          zone={zone}
          recents={recents}
          refused={list.error?.status === 400 ? list.error.fields : []}
          suggest={suggest}
          onFilters={setFilters}
          onRange={(next) => {
            setNow(Date.now());
            navigate({ range: next });
          }}
          onZone={(next) => navigate({ zone: next }, 'replace')}
          onClear={() => navigate({ filters: [] })}
          onRecent={({ search }) => {
            history.pushState(null, '', `${location.pathname}${search}`);
            dispatchEvent(new PopStateEvent('popstate'));
            if (organization !== null) navigate({ organization }, 'replace');
          }}
          onForgetRecents={() => setRecents([])}
        />
        <Timeline
          asked={list.error === null ? counted : { ...counted, data: null, error: null }}
          span={span}
          size={size}
          now={now}
          zone={zone}
          theme={`${theme}${isDark}`}
          onRange={(from, to) => navigate({ range: { from, to } })}
          onOutcome={(outcome) => setFilters(withValues(filters, 'outcome', false, [outcome]))}
        />
        {showsTop && list.error === null && <TopValues api={api} parameters={question as StatisticsParameters} questionKey={key} onFilter={addFilter} onCost={onTopCost} />}
        <AnswerBar
          list={list}
          statistics={counted.data}
          cost={cost}
          zone={zone}
          columns={view.columns}
          showsTop={showsTop}
          exports={exports}
          onColumns={(columns) => navigate({ columns }, 'replace')}
          onTop={(top) => navigate({ top }, 'replace')}
          onRefresh={refresh}
          onExport={() => setDialog('export')}
        />
        {list.progress !== null && <Slow progress={list.progress} since={now} onStop={list.stop} />}
        {list.error !== null && <Failure error={list.error} onRetry={refresh} />}
        {list.isLoading && !hasEvents && list.progress === null && <FirstLoad />}
        {!list.isLoading && list.error === null && !hasEvents && (
          <NothingFound
            settings={settings}
            organization={organization}
            wasStopped={list.first === null}
            hasFilters={countValues(filters) > 0}
            range={range}
            onClear={() => navigate({ filters: [] })}
            onRange={(next) => {
              setNow(Date.now());
              navigate({ range: next });
            }}
            onRefresh={refresh}
          />
        )}
        {hasEvents && <EventTable list={list} order={order} columns={view.columns} zone={zone} now={now} open={open} onOrder={(chosen) => navigate({ order: chosen })} onOpen={show} onClose={close} />}
      </main>
      {open !== null && (
        <EventDetails
          api={api}
          open={open}
          organization={organization}
          listed={list.events[index]}
          zone={zone}
          now={now}
          onClose={close}
          onPrevious={previous && (() => show(previous))}
          onNext={next && (() => show(next))}
          onFilter={addFilter}
          onMore={(only, around) =>
            navigate({
              filters: only,
              ...(around === undefined ? {} : { range: { from: new Date(around - AROUND).toISOString(), to: new Date(around + AROUND).toISOString() } }),
            })
          }
        />
      )}
      {dialog === 'export' && <ExportDialog exports={exports} filters={question as Record<string, unknown>} label={label} onClose={() => setDialog(null)} />}
      {dialog === 'shortcuts' && <Shortcuts onClose={() => setDialog(null)} />}
    </div>
  );
}
