"""Advice on draft orders: one module per sort of order, first the most urgent condition that holds.

Contract with the card texts. An order card has ``card_id == text_id`` and lane ``order``; ``row`` and ``rule_ids`` name
the rule (``O-NSAID-b``). ``params["reason"]`` is one of these ids, ``params["also"]`` (a tuple) further reasons of the
row:

=========================  =====================================================================================
reason id                  meaning (other params)
=========================  =====================================================================================
pregnancy-20w              pregnancy from week 20, or of unknown week (``weeks`` where known)
egfr                       low eGFR (``egfr``)
dialysis                   dialysis, eGFR not applicable
kidney-injury              acute kidney injury charted
kidney-disease             chronic kidney disease charted, no current eGFR
gi-bleed                   gastrointestinal bleeding or ulcer
anticoagulant              anticoagulant drug or charted anticoagulation
antiplatelet               P2Y12 inhibitor, or dual antiplatelet therapy
heart-failure              heart failure
age                        age (``age``)
triple-whammy              ACE inhibitor or ARB together with a diuretic
nsaid-allergy              allergy or intolerance to NSAID
second-nsaid               another NSAID is taken or drafted
infection-fever            possible spine infection: fever may be masked
fall-risk                  fall or fall risk
sedative                   benzodiazepine, gabapentinoid, alcohol dependence or sleep apnea
serotonergic               SSRI, SNRI or MAO inhibitor, or seizure history, with tramadol or tapentadol
acute-nonspecific          acute non-specific pain without fracture
inr                        raised INR (``inr``)
platelets                  low platelets (``platelets``)
coagulation-unknown        no current INR or platelets (``missing`` of the card names which)
low-pretest                normal markers, unsuspicious images, no tumor question
gadolinium-reaction        reaction to gadolinium on record
gcsf                       G-CSF in the last four weeks
glucose                    raised glucose (``glucose``)
pregnancy                  pregnancy
anabolic-tumor             teriparatide or its kin with a tumor of bone, Paget disease or irradiation
mri-first                  no spine MRI is known
diabetes                   diabetes
osteoporosis               osteoporosis or fragility fracture
hypocalcemia               low calcium
vitamin-d                  low vitamin D
dental                     planned dental surgery
off-label                  edema without osteoporosis or fracture
calcitonin                 calcitonin
shock-wave                 shock-wave therapy over the spine
hyperbaric-oxygen          hyperbaric oxygen
iloprost                   iloprost
=========================  =====================================================================================

Text ids beyond the reuse list: ``O-GAD-a``, ``O-GAD-c``, ``O-GAD-d``, ``O-MRI-preg``, ``O-CRP-esr``, ``O-CRP-mask``,
``O-ESR-dup`` (ESR already resulted), ``O-BX-set``, ``O-STEROID-d``. Params: ``date`` (event, last antibiotic, earlier
result or MRI), ``mask`` (drugs as charted), ``organism``, ``source`` (analyte id), ``device`` (as charted), ``order``
(as written).
"""

from cds_service.rules.orders.catalogue import ROWS, order_rules
from cds_service.rules.orders.evaluate import concerned, evaluate_orders, lane_cards
from cds_service.rules.orders.order_rule import OrderOutcome, OrderRow, OrderRule

__all__ = ["ROWS", "OrderOutcome", "OrderRow", "OrderRule", "concerned", "evaluate_orders", "lane_cards", "order_rules"]
