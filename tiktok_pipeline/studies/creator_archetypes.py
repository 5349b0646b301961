"""Archetypes of creators, by their activity and by their audience's readiness to pay.

Source: "Creator Lifecycle & Monetization Archetypes", the README and notebook of a public repository on the data set
"dataset-for-kmeans-clustering" (2,600 users). It interprets the two scores of the data set as engagement and
monetization. Both are standardized; KMeans runs with k = 5 and ten starts.

Before you act on it: the source calls k = 5 the optimum of the silhouette, but on its data that is k = 4. The table
of each k shows both for this snapshot. On its data, the fifth segment separates the hobbyists; whether that is useful
is your decision.
"""

from tiktok_pipeline.recipes.personas import Persona, PersonaCatalog
from tiktok_pipeline.recipes.segmentation import Scaling, Segmentation
from tiktok_pipeline.study import Study

_PERSONAS = PersonaCatalog(
    # The two scores differ by small factors, so a wrong name is closer here than among followers.
    max_distance=0.2,
    personas=(
        Persona(
            name="Steady Hobbyists",
            description="Medium activity, and an audience that hardly pays.",
            strategic_value="Regular use, but little revenue.",
            recommendation="Raise their engagement with daily challenges.",
            profiles=312,
            ranges={"engagement_index": (40, 80), "monetization_maturity": (None, 45)},
            typical={"engagement_index": 59.95, "monetization_maturity": 19.77},
        ),
        Persona(
            name="Niche Experts",
            description="Little activity, and an audience that pays readily.",
            strategic_value="High trust and low reach: their audience buys what they recommend.",
            recommendation="Pilot expensive affiliate products with them, where conversion matters more than reach.",
            profiles=398,
            ranges={"engagement_index": (None, 60), "monetization_maturity": (45, None)},
            typical={"engagement_index": 39.27, "monetization_maturity": 65.26},
        ),
        Persona(
            name="The Power Stars",
            description="High activity, and an audience that pays readily.",
            strategic_value="They bring traffic and sales, and must not be lost.",
            recommendation="Give them a personal contact, priority support and a place in the large campaigns.",
            profiles=600,
            ranges={"engagement_index": (60, None), "monetization_maturity": (60, None)},
            typical={"engagement_index": 79.62, "monetization_maturity": 85.02},
        ),
        Persona(
            name="Inactive/Casual",
            description="Little activity, and an audience that does not pay.",
            strategic_value="Low priority today: they bring neither traffic nor sales.",
            recommendation="Send them automated mail with the basics of creating content, and spend nothing else.",
            profiles=499,
            ranges={"engagement_index": (None, 45), "monetization_maturity": (None, 45)},
            typical={"engagement_index": 23.92, "monetization_maturity": 24.96},
        ),
        Persona(
            name="Growth Engines",
            description="High activity, and an audience that does not pay yet.",
            strategic_value="Much traffic without revenue: the best target for a first offer.",
            recommendation="Lead them to the shop and other paid features with a one-time incentive.",
            profiles=791,
            ranges={"engagement_index": (70, None), "monetization_maturity": (None, 45)},
            typical={"engagement_index": 89.26, "monetization_maturity": 19.96},
        ),
    ),
)

STUDY = Study(
    name="creator_archetypes",
    question="Which archetypes of creators exist, by activity and by their audience's readiness to pay?",
    published_in="Creator Lifecycle & Monetization Archetypes (public repository on dataset-for-kmeans-clustering)",
    source="creator_activity",
    segmentation=Segmentation(
        features=("engagement_index", "monetization_maturity"),
        scaling=Scaling(scaler="standard"),
        k=5,
        personas=_PERSONAS,
    ),
    recommendations=(
        "First conversion: offer Growth Engines a one-time incentive; they have traffic but no sales yet.",
        "Retention: move Power Stars from automated support to a personal contact.",
        "Affiliate pilots: test new products with Niche Experts first, where trust counts more than reach.",
    ),
)
