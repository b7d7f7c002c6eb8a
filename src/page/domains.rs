//! The domain profile: how the scheme weighs where the energy sits.

use leptos::prelude::*;

use super::model::domains::{NO_EVIDENCE, bars, explained, name, scheme, threshold};
use super::model::number::percent;
use super::model::picture::domains::picture;
use super::model::picture::theme::Theme;
use super::picture::SavePicture;
use super::store::use_store;

#[component]
pub fn Domains() -> impl IntoView {
    let store = use_store();
    let draw = move |theme: &Theme| store.adapter.with(|a| a.as_ref().map(|a| picture(&a.report, theme)));
    move || {
        let adapter = store.adapter.get()?;
        let domains = &adapter.report.domains;
        let mark = threshold(domains).map(|least| format!("{}%", least * 100.0));
        let bars = bars(domains).into_iter().map(|bar| {
            let mark = mark.clone().map(|left| view! { <span class="bar-mark" style:left=left></span> });
            let width = format!("{}%", (bar.score * 100.0).clamp(0.0, 100.0));
            view! {
                <li data-testid="domain-score" data-domain=bar.key data-score=bar.score.to_string()>
                    <span class="bar-name">{bar.name}</span>
                    <span class="bar-value">{percent(bar.score)}</span>
                    <span class="bar" aria-hidden="true">
                        <span class="bar-fill" style:width=width></span>
                        {mark}
                    </span>
                </li>
            }
        });
        let tags = domains.tags.iter().map(|tag| {
            view! { <li data-testid="tag" data-tag=tag.clone() title=name(tag)>{tag.clone()}</li> }
        });
        Some(view! {
            <section class="panel domains" aria-labelledby="domains-title">
                <h2 id="domains-title">
                    "Domain profile "<span class="small">"scheme: "{scheme(&domains.scheme)}</span>
                </h2>
                {(!domains.evidence)
                    .then(|| {
                        view! {
                            <p class="no-evidence">
                                <b>"No evidence. "</b>
                                {NO_EVIDENCE}
                            </p>
                        }
                    })}
                <ul class="bars">{bars.collect_view()}</ul>
                {(!domains.tags.is_empty())
                    .then(|| view! { <ul class="tags" aria-label="Tags">{tags.collect_view()}</ul> })}
                <p class="small">{explained(domains)}</p>
                <div class="panel-foot"><SavePicture what="the domain profile" draw/></div>
            </section>
        })
    }
}
